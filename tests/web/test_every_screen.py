"""What holds on every screen of the console, in a real Chromium, with texts in every field that nobody would choose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.servers.serving import Serving, serving
from tests.web.screens import SCREENS, administer, missing_routes, walk
from tests.web.seeing import ROOT, Seeing, chromium, fill

AXE = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
NARROW = {"width": 390, "height": 844}
ZOOMED = {"width": 640, "height": 430}
"""What a window of 1,280 pixels holds at 200 %."""

SCRIPT = "<img src=x onerror=alert(1)>"
HOSTILE = (SCRIPT, "עברית (x) ابجد", "👩‍👩‍👧‍👦🔑" * 9, "W" * 100)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("screens"), TOKENRY_WEBHOOK_NETWORKS="127.0.0.0/8") as server:
        yield server


@pytest.fixture(scope="module")
def ids(server: Serving) -> dict[str, str]:
    """Fill the server with records whose texts are hostile; return the ids that the screens show."""
    ids = administer(server, fill(server))
    for place, text in enumerate(HOSTILE):
        owner = text if text.isprintable() else f"owner {place}"
        server.call("PUT", f"/v1/owners/{quote(owner, safe='')}", {"name": text})
        about = {"description": text * 3, "scopes": [], "tags": ["W" * 32]}
        server.call("POST", "/v1/keys", {"owner": owner, "name": text[:100], **about})
        server.call("POST", "/v1/sessions", {"owner": owner, "device": {"name": text}})
        server.call("POST", "/v1/tenants", {"slug": f"hostile-{place}", "name": text})
        server.call("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:9/{'W' * 200}{place}", "description": text})
    worst = {"name": HOSTILE[3], "description": f"{SCRIPT} {HOSTILE[1]} {HOSTILE[2]}"}
    server.call("PATCH", f"/v1/keys/{ids['key']}", worst)
    server.call("PUT", f"/v1/owners/{ids['owner']}", {"name": HOSTILE[3]})
    server.call("PATCH", f"/v1/webhooks/{ids['webhook']}", {"description": SCRIPT + HOSTILE[3]})
    return ids


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def is_within(page: Page) -> bool:
    """Tell whether a page is no wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


LOOKS = {
    "light and zoomed": {"color_scheme": "light", "viewport": ZOOMED},
    "dark and narrow": {"color_scheme": "dark", "viewport": NARROW},
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_screen_can_be_used_by_everybody_and_runs_nothing(
    browser: Browser, server: Serving, ids: dict[str, str], look: dict[str, object]
) -> None:
    seeing = Seeing(browser, server, reduced_motion="reduce", **look)
    page = seeing.page
    page.goto("/console")
    page.get_by_label("Operator's key").wait_for()
    assert violations(page) == [], "sign in"
    seeing.sign_in()
    for screen in walk(seeing, ids):
        assert violations(page) == [], screen.name
        assert is_within(page), screen.name
        assert page.locator("img").count() == 0, "a stored text became an element"
    seeing.check()
    seeing.context.close()


def test_forced_colours_leave_nothing_invisible(browser: Browser, server: Serving, ids: dict[str, str]) -> None:
    seeing = Seeing(browser, server, forced_colors="active")
    seeing.sign_in()
    seeing.page.goto(f"/console/keys/{ids['key']}")
    seeing.page.locator(".chart rect.good").last.wait_for()
    fills = seeing.page.evaluate(
        "['good', 'bad'].map(name => getComputedStyle(document.querySelector(`.chart .${name}`)).fill)"
    )
    border = seeing.page.evaluate("getComputedStyle(document.querySelector('.status')).borderStyle")
    assert len(set(fills)) == 2
    assert border == "solid"
    seeing.check()
    seeing.context.close()


def test_the_documentation_shows_every_screen() -> None:
    page, pictures = ROOT / "docs" / "console-screens.md", (ROOT / "docs" / "images" / "console").glob("*.jpg")
    shown = set(re.findall(r"images/console/([\w-]+)\.jpg", page.read_text()))
    assert {screen.file_name for screen in SCREENS} <= shown == {path.stem for path in pictures}, "run `make shots`"


def test_every_route_of_the_console_is_walked() -> None:
    assert missing_routes() == set()


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds on a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("async rules => { return await axe.run(document, rules) }", RULES)
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]]
