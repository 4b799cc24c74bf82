"""The key page of the server in a real Chromium: an owner comes by a link, manages keys and goes back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.servers.serving import Serving, serving
from tests.web.seeing import Seeing, chromium
from tests.web.test_key_page import AXE, RULES, make

BACK, AGAIN = "https://app.example.com/settings", "https://app.example.com/keys"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("links")) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def seeing(browser: Browser, server: Serving) -> Iterator[Seeing]:
    seeing = Seeing(browser, server)
    seeing.page.set_default_timeout(10_000)
    yield seeing
    seeing.check()
    seeing.context.close()


def link(server: Serving, owner: str) -> str:
    """Return the URL of a link, which an operator has made."""
    server.call("PUT", f"/v1/owners/{owner}", {})
    asked = {"owner": owner, "scopes": ["read:projects"], "return_to": BACK, "refresh_url": AGAIN}
    return str(server.call("POST", "/v1/portal/sessions", asked)["url"])


def test_an_owner_comes_by_a_link_makes_a_key_and_finds_the_way_back(seeing: Seeing, server: Serving) -> None:
    page, url = seeing.page, link(server, "ada")
    page.goto(url)
    secret = make(page, "Backup")
    assert server.verify(secret)[1]["code"] == "valid"
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.get_by_role("link", name="Back")).to_have_attribute("href", BACK)
    assert page.url == f"{server.url}/keys/", "the code is gone from the address"
    page.reload()
    expect(page.get_by_role("heading", name="Backup")).to_be_visible()
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    page.go_back()
    assert "code=" not in page.url


def test_a_used_link_and_an_ended_visit_lead_to_the_next_link(seeing: Seeing, server: Serving) -> None:
    page, url = seeing.page, link(server, "bob")
    page.goto(url)
    expect(page.get_by_role("button", name="New key")).to_be_visible()
    server.call("POST", "/v1/owners/bob/sessions/revoke", {})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("This visit has ended")
    expect(page.get_by_role("link", name="Get a new link")).to_have_attribute("href", AGAIN)
    page.goto("about:blank")
    page.goto(url)
    expect(page.get_by_role("link", name="Get a new link")).to_have_attribute("href", AGAIN)
    expect(page.get_by_role("alert")).to_have_text(re.compile("used before"))


def test_who_comes_without_a_link_is_told_so(seeing: Seeing, server: Serving) -> None:
    seeing.page.goto("/keys")
    expect(seeing.page.get_by_role("alert")).to_contain_text("Open the page by a new link")
    assert seeing.page.url == f"{server.url}/keys/"
