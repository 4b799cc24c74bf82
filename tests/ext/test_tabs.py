"""A real browser: two tabs that refresh at the same moment, and a page of somebody else's."""

from __future__ import annotations

import http.server
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.deploy.proxies import program
from tests.examples.sites import EXAMPLES, free_port, serving

TRIALS = 100 if os.environ.get("TOKENRY_CHAOS") else 10
REFRESH = "fetch('/auth/refresh', {method: 'POST'}).then(answer => answer.status)"
FORGE = "url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'}).then(() => true)"
SESSIONS = "fetch('/me').then(answer => answer.json()).then(told => told.sessions.length)"
ME = "fetch('/me').then(answer => answer.status)"
SIGN_IN = """fetch('/sign-in', {method: 'POST', headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({user: 'ada', password: 'engine'})}).then(answer => answer.status)"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("tabs")
    place = str(EXAMPLES / "flask_app")
    command = ["gunicorn", "--chdir", place, "--bind", f"127.0.0.1:{port}", "--workers=2", "--threads=2", "app:app"]
    variables = {"FLASK_TOKENRY_DATABASE_URL": f"sqlite:///{folder}/keys.db", "FLASK_TOKENRY_COOKIE_SECURE": "false"}
    with serving(*command, port=port, **variables) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(context: Any, site: str) -> Page:
    page: Page = context.new_page()
    page.goto(site)
    assert page.evaluate(SIGN_IN) == 200
    return page


def test_two_tabs_that_refresh_at_once_never_log_each_other_out(site: str, browser: Any) -> None:
    context = browser.new_context()
    one = signed_in(context, site)
    other = context.new_page()
    other.goto(site)
    for page in (one, other):  # each waits for the word of a channel that both hear
        page.evaluate(f"""() => {{
            const channel = new BroadcastChannel('now')
            window.told = []
            channel.onmessage = async () => window.told.push(await {REFRESH})
        }}""")
    third = context.new_page()
    third.goto(site)
    third.evaluate("() => { window.channel = new BroadcastChannel('now') }")
    for trial in range(1, TRIALS + 1):
        third.evaluate("() => window.channel.postMessage('refresh')")
        for page in (one, other):
            page.wait_for_function("count => window.told.length === count", arg=trial)
        assert one.evaluate("window.told.at(-1)") == other.evaluate("window.told.at(-1)") == 200, trial
        assert (one.evaluate(ME), other.evaluate(ME)) == (200, 200), trial
    context.close()


def test_the_page_refreshes_by_itself_when_its_token_is_spent(site: str, browser: Any) -> None:
    context = browser.new_context()
    page = signed_in(context, site)
    assert page.evaluate("document.cookie") == "", "no script can read them"
    page.reload()
    page.wait_for_function("document.querySelector('#user').textContent === 'ada'")
    page.click("#leave")
    page.locator("#outside").wait_for()
    assert context.cookies() == []
    context.close()


@contextmanager
def another_site(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Serve an empty page on another port, which cookies do not tell apart; with a certificate over https."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_page_of_somebody_elses_changes_nothing(site: str, browser: Any) -> None:
    context = browser.new_context()
    page = signed_in(context, site)
    cookies, sessions = context.cookies(), page.evaluate(SESSIONS)
    with another_site() as port:
        for host in ("127.0.0.1", "localhost"):  # the same site on another port, and another site
            evil = context.new_page()
            evil.goto(f"http://{host}:{port}/")
            for path in ("/auth/sign-out", "/auth/sign-out/everywhere", "/auth/refresh", "/me/keys"):
                evil.evaluate(FORGE, f"{site}{path}")
            evil.set_content(f"<form method=post action='{site}/auth/sign-out'><button>Win</button></form>")
            with evil.expect_navigation() as navigation:  # the browser would keep the cookies of this answer
                evil.click("button")
            assert navigation.value.status == 403
    assert context.cookies() == cookies
    assert page.evaluate(ME) == 200
    assert page.evaluate(SESSIONS) == sessions
    context.close()
