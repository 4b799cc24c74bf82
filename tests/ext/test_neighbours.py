"""A real browser over plain HTTP, which sends no `Sec-Fetch-Site`, and a neighbour on a sibling subdomain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.deploy.proxies import program
from tests.examples.sites import EXAMPLES, free_port, serving
from tests.ext.test_tabs import another_site

POST = "path => fetch(path, {method: 'POST'}).then(answer => answer.status)"
TOSS = "cookie => { document.cookie = cookie }"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("neighbours")
    name = f"http://app.example.test:{port}"
    place = str(EXAMPLES / "erp")
    command = ["gunicorn", "--chdir", place, "--bind", f"127.0.0.1:{port}", "--threads=2", "app:app"]
    variables = {
        "FLASK_TOKENRY_DATABASE_URL": f"sqlite:///{folder}/keys.db",
        "FLASK_TOKENRY_COOKIE_SECURE": "false",
        "FLASK_TOKENRY_ALLOWED_ORIGINS": json.dumps([name]),
    }
    with serving(*command, port=port, **variables):
        yield name


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    rules = "--host-resolver-rules=MAP *.example.test 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox", rules])
        yield browser
        browser.close()


def signs_in(page: Page, site: str, who: str, password: str) -> int:
    """Post the form of the sign-in page; return the status."""
    inputs = f"<input name=who value={who}><input name=password value={password}>"
    page.set_content(f"<form method=post action='{site}/sign-in'>{inputs}<button>Enter</button></form>")
    with page.expect_navigation() as navigation:
        page.click("button")
    assert navigation.value is not None
    return navigation.value.status


def opened(context: Any, site: str) -> Page:
    page: Page = context.new_page()
    page.goto(f"{site}/nothing")
    return page


def tokens(context: Any) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in context.cookies()}


def test_a_sibling_subdomain_signs_nobody_in(site: str, browser: Any) -> None:
    context = browser.new_context()
    with another_site() as port:
        neighbour = context.new_page()
        neighbour.goto(f"http://evil.example.test:{port}/")
        assert signs_in(neighbour, site, "clerk", "invoices") == 403
    assert context.cookies() == []
    assert signs_in(opened(context, site), site, "root", "everything") == 200
    context.close()


@pytest.mark.parametrize("path", ["/auth", "/auth/refresh", "/auth/sign-out"])
def test_a_cookie_of_a_sibling_subdomain_moves_nobody_into_another_session(site: str, browser: Any, path: str) -> None:
    thief, victim = browser.new_context(), browser.new_context()
    assert signs_in(opened(thief, site), site, "clerk", "invoices") == 200
    page = opened(victim, site)
    assert signs_in(page, site, "root", "everything") == 200
    page.goto(f"{site}/nothing")
    before = victim.cookies()
    with another_site() as port:
        neighbour = victim.new_page()
        neighbour.goto(f"http://evil.example.test:{port}/")
        stolen = tokens(thief)["tokenry_refresh"]
        neighbour.evaluate(TOSS, f"tokenry_refresh={stolen}; domain=example.test; path={path}")
        assert len(victim.cookies()) == len(before) + 1, "the browser takes it"
        hit = ["/auth/refresh", "/auth/sign-out", "/auth/sign-out/everywhere"]
        for at in [at for at in hit if at.startswith(path)]:
            assert page.evaluate(POST, at) == 400, at
    assert [cookie for cookie in victim.cookies() if cookie["domain"] == "app.example.test"] == before
    assert page.evaluate("fetch('/integrations').then(answer => answer.status)") == 200
    thief.close()
    victim.close()
