"""The console in a real Chromium: operators sign in, issue, explain, rotate and revoke, and nothing else happens."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ext.test_tabs import another_site
from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tests.web.screens import refusals_of
from tests.web.seeing import Seeing, chromium, fill
from tokenry.core.secret import make_kid, mint


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("console"), TOKENRY_FAILURES_MAX="3") as server:
        yield server


@pytest.fixture(scope="module")
def issued(server: Serving) -> dict[str, Any]:
    return fill(server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def seeing(
    browser: Browser, server: Serving, issued: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[Seeing]:
    """Give a browser at the console; at the end nothing may have broken its policy."""
    seeing = Seeing(browser, server, **getattr(request, "param", {}))
    seeing.page.set_default_timeout(20_000)
    yield seeing
    seeing.check()
    seeing.context.close()


def issue(page: Page, name: str) -> str:
    """Issue a key with the form; return its secret."""
    page.goto("/console/issue")
    page.get_by_label("Owner").fill("build-server")
    page.get_by_label("Name").fill(name)
    page.get_by_label("read:projects").check()
    expect(page.locator(".sentence")).to_contain_text("This key can read projects, until")
    page.get_by_role("button", name="Issue key").click()
    return page.get_by_label("The secret").input_value()


def test_a_key_is_issued_used_rotated_and_revoked(seeing: Seeing) -> None:
    page = seeing.sign_in()
    secret = issue(page, "Nightly build")
    page.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    seeing.server.call("POST", "/v1/verify", {"credential": secret, "ip": "203.0.113.7"})
    expect(page.locator(".first-use.done")).to_have_text("✓ First use from 203.0.113.7", timeout=30_000)
    page.get_by_role("button", name="I have saved it").click()
    expect(page.get_by_role("heading", name="Nightly build")).to_be_visible()

    page.get_by_role("button", name="Rotate").click()
    page.get_by_label("The old secret works for").select_option("1 hour")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    successor = page.get_by_label("The secret").input_value()
    assert successor != secret
    page.get_by_role("button", name="I have saved it").click()
    expect(page.locator(".facts .status")).to_have_text("Rotating")
    # Each use from an address: of each secret the last use alone is kept.
    asked = [{"credential": one, "ip": "203.0.113.7"} for one in (secret, successor)]
    assert [seeing.server.call("POST", "/v1/verify", one)["valid"] for one in asked] == [True, True]

    page.get_by_role("button", name="Revoke").click()
    impact = page.get_by_role("dialog").locator(".impact").first
    expect(impact).to_contain_text(re.compile(r"\d valid calls? since \d+ \w+ \d{4}, \d\d:00:00"))
    expect(impact).to_contain_text("203.0.113.7")
    expect(impact).to_contain_text("2 secrets and every access token derived from it stop")
    page.get_by_label("Reason").fill("the test is over")
    page.get_by_role("button", name="Revoke for good").click()
    ended = re.compile(r"Revoked\. Since \d\d:\d\d:\d\d no online verification answers valid\.")
    expect(page.locator(".ended")).to_have_text(ended)
    assert [seeing.server.verify(one)[1]["code"] for one in (secret, successor)] == ["revoked", "revoked"]
    assert "the test is over" in page.locator(".facts").inner_text()


def test_a_revocation_says_only_what_the_server_told(seeing: Seeing) -> None:
    page = seeing.sign_in()
    seeing.server.call("POST", "/v1/sessions", {"owner": "build-server"})  # the tenant has signed a token
    tail = "no online verification answers valid. Offline verification may accept tokens derived from the key until "
    for name, is_told in (("Told", True), ("Not told", False)):
        issue(page, name)
        page.get_by_role("button", name="I have saved it").click()
        page.get_by_role("heading", name=name).wait_for()
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("dialog").locator(".impact").first).to_contain_text("one may be accepted until")
        if not is_told:
            page.route("**/impact*", lambda route: route.fulfill(status=404, content_type="text/plain", body="lost"))
        page.get_by_role("button", name="Revoke for good").click()
        if is_told:
            expect(page.locator(".ended")).to_contain_text(tail)
        else:
            expect(page.locator(".ended")).to_have_text("Revoked.")


def test_a_secret_is_shown_until_it_is_saved_and_is_nowhere_afterwards(seeing: Seeing) -> None:
    page = seeing.sign_in()
    secret = issue(page, "Shown once")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("link", name="Explain").click()
    assert asked == ["The secret is shown this once. Leave, and never see it again?"]
    expect(page.get_by_label("The secret")).to_have_value(secret)

    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_label("The secret")).to_have_value(secret)
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, document.cookie, location.href])"
    assert secret not in page.evaluate(stored)

    page.get_by_role("button", name="I have saved it").click()
    page.get_by_role("heading", name="Shown once").wait_for()
    for _ in range(2):
        assert secret not in page.content()
        assert secret not in page.evaluate(stored)
        page.go_back()
        page.get_by_role("heading").first.wait_for()
    assert not [url for url in seeing.requests if secret in url]


def test_going_back_is_guarded_and_a_key_that_was_left_is_left(seeing: Seeing) -> None:
    page = seeing.sign_in()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Owner").fill("build-server")
    page.get_by_label("Name").fill("Left behind")
    page.get_by_role("button", name="Issue key").click()
    secret = page.get_by_label("The secret").input_value()
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("/console/issue$"))
    expect(page.get_by_label("The secret")).to_have_value(secret)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Keys", exact=True).click()
    page.get_by_role("link", name="New key").click()
    expect(page.get_by_label("Name")).to_have_value("")


def test_many_keys_are_revoked_after_a_dry_run_that_names_them(seeing: Seeing) -> None:
    server = seeing.server
    server.call("PUT", "/v1/owners/leaver", {})
    secrets = [
        server.call("POST", "/v1/keys", {"owner": "leaver", "name": f"Key {place}"})["secret"] for place in range(3)
    ]
    page = seeing.sign_in()
    page.goto("/console?owner=leaver")
    page.get_by_role("button", name="Revoke all of these").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 keys of 1 owner would be revoked")
    expect(dialog).to_contain_text("Key 2 of leaver, last used never")
    assert [server.verify(one)[1]["code"] for one in secrets] == ["valid"] * 3, "a dry run changes nothing"
    dialog.get_by_label("Reason").fill("has left")
    dialog.get_by_role("button", name="Revoke 3 keys for good").click()
    expect(page.get_by_text("3 keys revoked.")).to_be_visible()
    assert [server.verify(one)[1]["code"] for one in secrets] == ["revoked"] * 3


def test_undo_revokes_the_key_that_was_just_issued(seeing: Seeing) -> None:
    secret = issue(seeing.sign_in(), "A mistake")
    seeing.page.get_by_role("button", name="Undo").click()
    expect(seeing.page.locator(".facts .status")).to_have_text("Revoked")
    assert seeing.server.verify(secret)[1]["code"] == "revoked"


def test_an_owner_that_does_not_exist_is_created_when_that_is_confirmed(seeing: Seeing) -> None:
    page = seeing.sign_in()
    page.goto("/console/issue")
    page.get_by_label("Owner").fill("somebody-new")
    page.get_by_label("Name").fill("First")
    page.get_by_role("button", name="Issue key").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no owner somebody-new yet")
    page.get_by_role("button", name="Create owner and key").click()
    page.get_by_label("The secret").wait_for()


def test_keys_are_filtered_by_their_url_and_found_by_their_secret(seeing: Seeing, issued: dict[str, Any]) -> None:
    page = seeing.sign_in()
    page.get_by_label("Status").select_option("revoked")
    expect(page).to_have_url(re.compile(r"/console\?status=revoked$"))
    expect(page.get_by_role("link", name="Old laptop")).to_be_visible()
    expect(page.get_by_role("link", name="Deployments")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("revoked")
    secret = issued["Ada's notebook"]["secret"]
    page.get_by_label("Search").fill(secret)
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("heading", name="Ada's notebook")).to_be_visible()
    assert not [url for url in seeing.requests if secret in url]


def test_a_key_is_changed_by_the_form_that_issues_keys(seeing: Seeing, issued: dict[str, Any]) -> None:
    page, id = seeing.sign_in(), issued["Staging"]["key"]["id"]
    page.goto(f"/console/keys/{id}")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name").fill("Staging, west")
    page.get_by_label("read:reports").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Staging, west")).to_be_visible()
    found = seeing.server.call("GET", f"/v1/keys/{id}")
    assert found["scopes"] == ["read:projects", "read:reports"]
    assert found["expires_at"] is None, "what was not changed stays"
    assert found["environment"] == "test"


def test_explain_marks_the_first_check_that_fails(seeing: Seeing, issued: dict[str, Any]) -> None:
    page = seeing.sign_in()
    page.goto("/console/explain")
    page.get_by_label("Key, token").fill(issued["Ada's notebook"]["secret"])
    page.get_by_label("Scopes").fill("write:projects")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".checks .first")).to_contain_text("Grant the scope to the key, or ask for less.")
    expect(page.get_by_label("Key, token")).to_have_value("")


def test_a_refused_request_is_explained_from_the_page_of_its_key(seeing: Seeing, issued: dict[str, Any]) -> None:
    page, id = seeing.sign_in(), issued["Invoices, production"]["key"]["id"]
    until(lambda: refusals_of(seeing.server, id))
    [*_, refused] = refusals_of(seeing.server, id)
    page.goto(f"/console/keys/{id}")
    row = page.get_by_role("table", name="Last refusals").get_by_role("row").filter(has_text=refused["request_id"])
    expect(row).to_contain_text("admin:billing")
    expect(row).to_contain_text("203.0.113.7")
    row.get_by_role("link", name="scope missing").click()
    expect(page).to_have_url(re.compile(rf"/console/explain\?request={refused['request_id']}$"))
    expect(page.get_by_role("heading", name="Refused: scope missing")).to_be_visible()
    expect(page.locator(".checks .first")).to_contain_text("Grant the scope to the key, or ask for less.")
    expect(page.locator(".checks .open")).to_have_count(2)
    expect(page.locator(".facts")).to_contain_text("admin:billing")
    page.get_by_label("Id of a request").fill("never-asked")
    page.get_by_role("button", name="Find the request").click()
    expect(page.get_by_role("alert")).to_contain_text("no refusal of the request 'never-asked' is kept")
    expect(page.locator(".checks")).to_have_count(0)


def test_a_change_asks_for_the_key_again_when_the_sign_in_is_old(seeing: Seeing, issued: dict[str, Any]) -> None:
    page, id = seeing.sign_in(), issued["Invoices, production"]["key"]["id"]
    # The answer of a server whose clock is 15 minutes ahead; tests/api/console turns that clock.
    problem = json.dumps({"status": 401, "code": "sign_in_again", "title": "", "detail": "", "type": "about:blank"})
    answer = {"status": 401, "content_type": "application/problem+json", "body": problem}
    page.route("**/disable*", lambda route: route.fulfill(**answer), times=1)
    page.goto(f"/console/keys/{id}")
    page.get_by_role("button", name="Disable").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("older than 15 minutes")
    dialog.get_by_label("Operator's key").fill(seeing.server.operator_key)
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.locator(".facts .status")).to_have_text("Disabled")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".facts .status")).to_have_text("Active")


def test_signing_out_ends_at_the_sign_in(seeing: Seeing) -> None:
    page = seeing.sign_in()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Operator's key").wait_for()
    assert seeing.context.cookies() == []
    page.reload()
    page.get_by_label("Operator's key").wait_for()


def test_no_key_but_an_operators_signs_in_and_guesses_are_throttled(seeing: Seeing, issued: dict[str, Any]) -> None:
    page = seeing.page
    page.goto("/console")
    key, button = page.get_by_label("Operator's key"), page.get_by_role("button", name="Sign in")
    key.fill(issued["Staging"]["secret"])
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("This is no whole operator's key")
    for code in ("does not accept", "does not accept", "does not accept", "Too many failures"):
        key.fill(an_unknown_key())
        button.click()
        expect(page.get_by_role("alert")).to_contain_text(code)
        expect(button).to_be_enabled()
    seeing.sign_in()


def an_unknown_key() -> str:
    """Return an operator's key that is well formed and was never issued."""
    return mint("tk_op", make_kid(os.urandom(16)), os.urandom(32), os.urandom(32))


def test_a_page_of_another_origin_changes_nothing(seeing: Seeing) -> None:
    seeing.sign_in()
    owners = seeing.server.call("GET", "/v1/owners")
    put = "url => fetch(url, {method: 'PUT', mode: 'no-cors', credentials: 'include', body: '{}'}).catch(() => 0)"
    post = "url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}).catch(() => 0)"
    with another_site() as port:
        for host in ("127.0.0.1", "localhost"):
            evil = seeing.context.new_page()
            evil.goto(f"http://{host}:{port}/")
            evil.evaluate(put, f"{seeing.server.url}/console/v1/owners/evil")
            evil.evaluate(post, f"{seeing.server.url}/console/v1/keys")
            evil.evaluate(post, f"{seeing.server.url}/console/session")
            evil.set_content(
                f"<form method=post action='{seeing.server.url}/console/session'><button>Win</button></form>"
            )
            with evil.expect_navigation() as navigation:
                evil.click("button")
            assert navigation.value.status == 403
            evil.close()
    assert seeing.server.call("GET", "/v1/owners") == owners
    seeing.page.reload()
    seeing.page.get_by_role("heading", name="Keys").wait_for()


def test_the_keyboard_alone_signs_in_issues_and_rotates(seeing: Seeing) -> None:
    page, keyboard = seeing.page, seeing.page.keyboard
    page.goto("/console")
    page.get_by_label("Operator's key").wait_for()
    keyboard.type(seeing.server.operator_key)
    keyboard.press("Enter")
    page.get_by_role("heading", name="Keys").wait_for()
    keyboard.press("n")
    page.get_by_role("heading", name="New key").wait_for()
    reach(page, "owner")
    keyboard.type("build-server")
    reach(page, "name")
    keyboard.type("By keyboard")
    keyboard.press("Enter")
    secret = page.get_by_label("The secret").input_value()
    reach(page, "I have saved it")
    keyboard.press("Enter")
    page.get_by_role("heading", name="By keyboard").wait_for()
    reach(page, "Rotate")
    keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    reach(page, "Rotate")
    keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    reach(page, "Rotate")
    keyboard.press("Enter")
    expect(page.get_by_label("The secret")).not_to_have_value(secret)


def reach(page: Page, name: str) -> None:
    """Press Tab until the focus is on a field or a button of this name."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = "(e => [e.name, e.textContent, e.getAttribute('aria-label')])(document.activeElement)"
        if name in page.evaluate(found):
            return
    raise AssertionError(f"Tab does not reach {name!r}")
