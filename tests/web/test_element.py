"""`<tokenry-keys>` in pages of others: plain HTML, React and Vue."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.web.hosts import COOKIE, Site, site
from tests.web.seeing import ROOT, Seeing, chromium

WEB = ROOT / "web"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
HEAD = (
    "<!doctype html><html lang='en'><title>Embedded</title><script type='module' src='/keys/tokenry-keys.js'></script>"
)
PLAIN = """<link rel=stylesheet href=/app.css>
<main><tokenry-keys src=/keys lang=en></tokenry-keys><output></output></main>
<script type=module src=/app.js></script>"""
SCRIPT = """const keys = document.querySelector("tokenry-keys");
keys.texts = { en: { title: "Keys in HTML" } };
const told = document.querySelector("output");
keys.addEventListener("tokenry-made", event => { told.textContent = event.detail.name; });"""
STYLE = """tokenry-keys { --tokenry-accent: rgb(138, 28, 90); --tokenry-radius: 0; }
tokenry-keys::part(primary) { text-transform: uppercase; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site("flask", tmp_path_factory.mktemp("element")) as host:
        yield host


def bundled(source: str, folder: Path) -> str:
    """Return a program of `web/tests` with its framework, as one script."""
    out = folder / "app.js"
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--minify", "--format=esm", '--define:process.env.NODE_ENV="production"', f"--outfile={out}"]
    subprocess.run([esbuild, WEB / "tests" / source, *options, "--log-level=warning"], check=True, timeout=60)
    return out.read_text()


@pytest.mark.parametrize("name", ["HTML", "React", "Vue"])
def test_the_element_works_in_a_page_of_somebody_elses(name: str, browser: Browser, host: Site, tmp_path: Path) -> None:
    sources = {"React": "react.jsx", "Vue": "vue.js"}
    script = bundled(sources[name], tmp_path) if name in sources else SCRIPT
    body = "<script type='module' src='/app.js'></script><body>" if name in sources else PLAIN
    server: Any = host
    seeing = Seeing(browser, server)
    seeing.context.add_cookies([{"name": COOKIE, "value": f"user-of-{name}", "url": host.url}])
    page = seeing.page
    page.set_default_timeout(10_000)
    policy = {"Content-Security-Policy": POLICY}
    answer: dict[str, Any] = {"content_type": "text/html", "body": HEAD + body, "headers": policy}
    page.route("**/embedded", lambda route: route.fulfill(**answer))
    page.route("**/app.js", lambda route: route.fulfill(content_type="text/javascript", body=script))
    page.route("**/app.css", lambda route: route.fulfill(content_type="text/css", body=STYLE))
    page.goto("/embedded")
    expect(page.get_by_role("heading", name=f"Keys in {name}")).to_be_visible()
    button = page.get_by_role("button", name="New key")
    if name == "HTML":
        assert button.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(138, 28, 90)"
        assert button.evaluate("e => getComputedStyle(e).textTransform") == "uppercase"
    button.click()
    page.get_by_label("Name").fill("Embedded")
    page.get_by_role("button", name="Make key").click()
    secret = page.get_by_label("The secret", exact=True).input_value()
    expect(page.locator("output")).to_have_text("Embedded")
    assert host.tk.verify(secret).owner.external_id == f"user-of-{name}"
    seeing.check()
    seeing.context.close()
