"""Take pictures of every screen of the console, at two widths and in both modes: `make shots`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.serving import serving
from tests.web.seeing import Seeing, chromium, fill

SIZES = {"wide": {"width": 1280, "height": 860}, "narrow": {"width": 390, "height": 844}}
MODES = ("light", "dark")


def main(folder: Path) -> None:
    """Write the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as data, serving(Path(data)) as server, chromium() as browser:
        issued = fill(server)
        for mode in MODES:
            for size, viewport in SIZES.items():
                seeing = Seeing(browser, server, viewport=viewport, color_scheme=mode)
                _screens(seeing, {name: one["key"]["id"] for name, one in issued.items()}, folder, f"{size}-{mode}")
                seeing.context.close()


def _screens(seeing: Seeing, ids: dict[str, str], folder: Path, name: str) -> None:
    page = seeing.page

    def shot(screen: str) -> None:
        page.screenshot(path=folder / f"{screen}-{name}.png", full_page=True)

    page.goto("/console")
    page.get_by_label("Operator's key").wait_for()
    shot("sign-in")
    seeing.sign_in()
    page.get_by_role("link", name="Old laptop").wait_for()
    shot("keys")
    page.goto("/console/issue")
    page.get_by_label("Owner").fill("build-server")
    page.get_by_label("Name").fill(f"Nightly, {name}")
    page.get_by_label("read:projects").check()
    page.get_by_label("write:projects").check()
    shot("issue")
    page.get_by_role("button", name="Issue key").click()
    page.get_by_label("The secret").wait_for()
    shot("secret")
    page.get_by_role("button", name="I have saved it").click()
    page.goto(f"/console/keys/{ids['Invoices, production']}")
    page.locator(".chart").wait_for()
    shot("key")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").wait_for()
    shot("revoke")
    page.get_by_label("Close").click()
    page.goto("/console/explain")
    page.get_by_label("Key, token").fill(ids["Ada's notebook"])
    page.get_by_label("Scopes").fill("write:projects")
    page.get_by_role("button", name="Explain").click()
    page.get_by_text("Refused").wait_for()
    shot("explain")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
