"""The key page in a real Chromium, in each framework: owners manage their own keys, and reach nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.hosts import COOKIE, FRAMEWORKS, Site, site
from tests.web.seeing import Seeing, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=FRAMEWORKS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(request.param, tmp_path_factory.mktemp("keys")) as host:
        yield host


@pytest.fixture
def seeing(browser: Browser, host: Site, request: pytest.FixtureRequest) -> Iterator[Seeing]:
    """Give a browser in which ada is signed in; at the end nothing may have broken the policy of the page."""
    server: Any = host
    seeing = Seeing(browser, server, **getattr(request, "param", {}))
    seeing.page.set_default_timeout(10_000)
    seeing.context.add_cookies([{"name": COOKIE, "value": "ada", "url": host.url}])
    yield seeing
    seeing.check()
    seeing.context.close()


def make(page: Page, name: str) -> str:
    """Make a key with the form; return its secret."""
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("read projects").check()
    expect(page.locator(".sentence")).to_contain_text("This key can read projects, until")
    page.get_by_role("button", name="Make key").click()
    return page.get_by_label("The secret", exact=True).input_value()


def test_an_owner_makes_renews_and_revokes_a_key(seeing: Seeing, host: Site) -> None:
    page = seeing.page
    page.goto("/keys/")
    secret = make(page, "Backup")
    page.get_by_role("button", name="Copy").click()
    page.wait_for_function("async secret => (await navigator.clipboard.readText()) === secret", arg=secret)
    assert host.tk.verify(secret, scopes="read:projects")
    page.get_by_role("button", name="I have saved it").click()
    expect(page.get_by_role("heading", name="Backup")).to_be_visible()

    page.get_by_role("button", name="New secret Backup").click()
    page.get_by_role("button", name="Make a new secret").click()
    successor = page.get_by_label("The secret", exact=True).input_value()
    assert host.tk.verify(secret)
    assert host.tk.verify(successor)
    page.get_by_role("button", name="I have saved it").click()

    page.get_by_role("button", name="Revoke Backup").click()
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_text("The key is revoked.")).to_be_visible()
    assert [host.tk.verify(one).code for one in (secret, successor)] == ["revoked", "revoked"]
    assert {entry.actor for entry in host.tk.audit.list().items if entry.action.startswith("key.")} == {"ada"}
