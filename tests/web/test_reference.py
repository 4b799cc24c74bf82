"""The reference at `/docs` in a real Chromium: search, copy, and requests from the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.servers.serving import Serving, serving

from .seeing import Seeing, chromium


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def seeing(server: Serving) -> Iterator[Seeing]:
    with chromium() as browser:
        seeing = Seeing(browser, server)
        yield seeing
        seeing.check()


def test_search_copy_and_requests_from_the_page(seeing: Seeing) -> None:
    page = seeing.page
    page.goto("/")
    page.get_by_role("link", name="HTTP reference").click()
    page.get_by_label("Search").fill("PUT /v1/owners/{external_id}")
    operation = page.locator("main > section > details:visible")
    expect(operation).to_have_count(1)
    operation.locator("> summary").click()
    operation.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()").startswith('curl -H "Authorization: Bearer $TOKENRY_KEY"')

    operation.get_by_text("Try it").click()
    operation.get_by_role("button", name="Send PUT").click()
    expect(operation.locator("form pre")).to_have_text("Enter a key at the top of this page first.")
    page.get_by_label("Key for requests").fill(seeing.server.operator_key)
    operation.get_by_label("Path").fill("https://example.com/v1/")
    operation.get_by_role("button", name="Send PUT").click()
    expect(operation.locator("form pre")).to_contain_text("must begin with /v1/")
    operation.get_by_label("Path").fill("/v1/owners/<script>")
    operation.get_by_label("Body").fill('{"name": "<script>alert(1)</script>"}')
    operation.get_by_role("button", name="Send PUT").click()
    expect(operation.locator("form pre")).to_contain_text('"name": "<script>alert(1)</script>"')
    assert page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
