"""Take pictures of every screen of the console and of the key page, at two widths and in both modes: `make shots`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser

from tests.servers.serving import serving
from tests.web.hosts import COOKIE, give, site
from tests.web.screens import administer, walk
from tests.web.seeing import Seeing, chromium, fill

SIZES = {"wide": {"width": 1280, "height": 860}, "narrow": {"width": 390, "height": 844}}
MODES = ("light", "dark")


_RENAME = """([from, to]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(from, to)
}"""
DOCS = Path(__file__).parents[2] / "docs" / "images" / "console"
"""The pictures of docs/console-screens.md: what a wide window shows at once, small enough for a repository."""


def main(folder: Path) -> None:
    """Write the pictures into a folder, and those of the documentation into DOCS."""
    DOCS.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as data,
        serving(Path(data), TOKENRY_WEBHOOK_NETWORKS="127.0.0.0/8") as server,
        chromium() as browser,
    ):
        ids = administer(server, fill(server))
        for mode in MODES:
            for size, viewport in SIZES.items():
                seeing = Seeing(browser, server, viewport=viewport, color_scheme=mode, reduced_motion="reduce")
                _screens(seeing, ids, folder, f"{size}-{mode}")
                seeing.context.close()
        _key_page(browser, Path(data), folder)


def _key_page(browser: Browser, data: Path, folder: Path) -> None:
    with site("flask", data) as host:
        give(host.tk, "ada")
        for mode in MODES:
            for size, viewport in SIZES.items():
                server: Any = host
                seeing = Seeing(browser, server, viewport=viewport, color_scheme=mode)
                seeing.context.add_cookies([{"name": COOKIE, "value": "ada", "url": host.url}])
                page = seeing.page
                page.goto("/keys/")
                page.locator("li").filter(has_text="Production").locator("summary").click()
                page.locator("figure").wait_for()
                page.screenshot(path=folder / f"page-of-an-owner-{size}-{mode}.png", full_page=True)
                if (size, mode) == ("wide", "light"):
                    page.screenshot(path=DOCS.parent / "key-page.png", full_page=True)
                seeing.context.close()


def _screens(seeing: Seeing, ids: dict[str, str], folder: Path, name: str) -> None:
    page = seeing.page

    def shot(screen: str) -> None:
        # A dialog is over the page that is seen, not over all of it.
        is_open = page.locator("dialog[open]").count() > 0
        page.screenshot(path=folder / f"{screen}-{name}.png", full_page=not is_open)
        if name == "wide-light":
            page.evaluate(_RENAME, [str(seeing.server.directory), "/srv/tokenry"])
            page.screenshot(path=DOCS / f"{screen}.jpg", type="jpeg", quality=50)

    page.goto("/console")
    page.get_by_label("Operator's key").wait_for()
    shot("sign-in")
    seeing.sign_in()
    for screen in walk(seeing, ids):
        shot(screen.file_name)
    page.goto("/console/issue")
    page.get_by_label("Owner").fill("build-server")
    page.get_by_label("Name").fill(f"Nightly, {name}")
    page.get_by_label("read:projects").check()
    page.get_by_label("write:projects").check()
    shot("issue-filled")
    page.get_by_role("button", name="Issue key").click()
    page.get_by_label("The secret").wait_for()
    shot("secret")
    page.get_by_role("button", name="I have saved it").click()
    page.goto("/console/explain")
    page.get_by_label("Key, token").fill(ids["key"])
    page.get_by_label("Scopes").fill("write:projects")
    page.get_by_role("main").get_by_role("button", name="Explain").click()
    page.get_by_text("Refused").wait_for()
    shot("explained")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
