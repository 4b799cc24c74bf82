"""The screens of administrators in a real Chromium: each does what it says, on a real server."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tests.web.screens import administer
from tests.web.seeing import Seeing, chromium, fill


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("administration"), TOKENRY_WEBHOOK_NETWORKS="127.0.0.0/8") as server:
        yield server


@pytest.fixture(scope="module")
def issued(server: Serving) -> dict[str, Any]:
    return fill(server)


@pytest.fixture(scope="module")
def ids(server: Serving, issued: dict[str, Any]) -> dict[str, str]:
    return administer(server, issued)


@pytest.fixture(scope="module")
def signed_in(server: Serving, ids: dict[str, str]) -> Iterator[Seeing]:
    with chromium() as browser:
        seeing = Seeing(browser, server)
        seeing.page.set_default_timeout(20_000)
        seeing.sign_in()
        yield seeing
        seeing.context.close()


@pytest.fixture
def page(signed_in: Seeing) -> Iterator[Page]:
    """Give a page of somebody who is signed in; nothing may break its policy."""
    yield signed_in.page
    signed_in.check()


def row(page: Page, text: str) -> Locator:
    return page.locator("tbody tr").filter(has_text=text)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def test_attention_leads_to_the_remedy(page: Page, server: Serving, issued: dict[str, Any]) -> None:
    page.goto("/console/attention")
    found = page.locator(".card").filter(has_text="Never expires")
    expect(found.locator("li")).to_have_count(1)
    found.get_by_role("link", name="Set an expiry").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Expires").select_option("30 days")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert server.call("GET", f"/v1/keys/{issued['Staging']['key']['id']}")["expires_at"] is not None
    page.goto("/console/attention")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.get_by_role("heading", name="Never expires")).to_have_count(0)


def test_an_owner_is_made_disabled_and_deleted(page: Page, server: Serving) -> None:
    page.goto("/console/owners")
    press(page, "New owner")
    page.get_by_label("Id").fill("leaver")
    page.get_by_label("Name").fill("Somebody")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="leaver")).to_be_visible()
    secret = server.call("POST", "/v1/keys", {"owner": "leaver", "name": "Last"})["secret"]
    page.reload()
    press(page, "Offboard…")
    expect(page.get_by_role("dialog")).to_contain_text("1 key, of which 0 were used in the last 24 hours")
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.locator(".facts .status")).to_have_text("Disabled")
    assert server.verify(secret)[1]["code"] == "owner_disabled"
    press(page, "Offboard…")
    page.get_by_role("button", name="Delete the owner and revoke its keys").click()
    expect(page.get_by_role("heading", name="Owners")).to_be_visible()
    assert server.verify(secret)[1]["valid"] is False


def test_the_keys_of_an_owner_who_leaves_are_handed_over(page: Page, server: Serving) -> None:
    for owner in ("left", "stays"):
        server.call("PUT", f"/v1/owners/{owner}", {})
    names = ("Mirror", "Mobile", "Monitor")
    secrets = [server.call("POST", "/v1/keys", {"owner": "left", "name": name})["secret"] for name in names]
    server.call("POST", "/v1/keys", {"owner": "stays", "name": "mobile"})
    page.goto("/console/owners/left")
    press(page, "Offboard…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("New owner").fill("stays")
    press(page, "See which keys would go")
    expect(dialog.get_by_role("status")).to_contain_text("2 keys would belong to stays")
    expect(dialog.get_by_role("status")).to_contain_text("Mobile stays: the owner already has a key named")
    assert {server.verify(one)[1]["owner"]["external_id"] for one in secrets} == {"left"}
    press(page, "Hand 2 keys over")
    expect(page.get_by_text("2 keys handed over to stays.")).to_be_visible()
    found = [server.verify(one)[1]["owner"]["external_id"] for one in secrets]
    assert found == ["stays", "left", "stays"]
    expect(page.locator(".card").first.get_by_role("rowheader")).to_have_text(["Mobile"])
    press(page, "Offboard…")
    page.get_by_role("dialog").get_by_label("New owner").fill("nobody")
    press(page, "See which keys would go")
    expect(page.get_by_role("dialog")).to_contain_text("owner 'nobody' does not exist")


def test_the_audit_log_is_filtered_checked_and_exported(page: Page, tmp_path: Path, issued: dict[str, Any]) -> None:
    page.goto("/console/audit")
    page.get_by_label("Action").fill("key.revoked")
    page.get_by_label("About").fill(issued["Old laptop"]["key"]["id"])
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"/audit\?action=key\.revoked&subject=key_\w+$"))
    entries = page.locator(".entries li")
    expect(entries).to_have_count(1)
    entries.first.locator("summary").click()
    expect(entries.first.locator(".changes .after").first).to_be_visible()
    with page.expect_download() as download:
        press(page, "Export as NDJSON")
    download.value.save_as(tmp_path / "audit.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "audit.ndjson").read_text().splitlines()]
    assert [line["action"] for line in lines] == ["key.revoked"]
    press(page, "Check the log")
    expect(page.locator(".ended")).to_contain_text("each as it was written, none missing")


def test_an_endpoint_is_made_tested_paused_and_told_again(page: Page, server: Serving) -> None:
    page.goto("/console/webhooks")
    press(page, "New endpoint")
    page.get_by_label("URL").fill("http://127.0.0.1:9/new")
    page.get_by_label("Events").fill("owner.*")
    page.get_by_role("button", name="Create endpoint").click()
    secret = page.get_by_label("The secret").input_value()
    assert secret.startswith("whsec_")
    page.get_by_role("button", name="I have saved it").click()
    expect(page.get_by_role("heading", name="http://127.0.0.1:9/new")).to_be_visible()
    assert secret not in page.content()
    press(page, "Send a test")
    expect(page.locator(".toasts")).to_contain_text("A test is on its way.")
    attempt = page.locator(".entries li").first
    attempt.locator("summary").click()
    expect(attempt.locator("tbody tr")).to_have_count(1, timeout=30_000)
    expect(attempt.locator(".status")).to_have_text("failed")
    press(page, "Pause")
    expect(page.locator(".facts .status")).to_have_text("Paused")
    press(page, "Resume")
    expect(page.locator(".facts .status")).not_to_have_text("Paused")
    press(page, "Replay…")
    page.get_by_role("button", name="Count them").click()
    expect(page.get_by_role("dialog").locator(".note")).to_contain_text("would be sent")


def test_roles_and_the_catalogue_are_changed(page: Page, server: Serving) -> None:
    page.goto("/console/scopes")
    press(page, "New role")
    page.get_by_label("Name").fill("billing")
    page.get_by_label("Scopes").fill("read:invoices\nwrite:invoices")
    page.get_by_role("button", name="Save").click()
    role = page.get_by_role("table", name="Roles").locator("tbody tr").filter(has_text="billing")
    expect(role).to_contain_text("read and write invoices")
    assert server.call("GET", "/v1/roles/billing")["scopes"] == ["read:invoices", "write:invoices"]
    role.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the role").click()
    expect(role).to_have_count(0)
    press(page, "Edit the catalogue")
    scopes = page.get_by_label("Scopes")
    scopes.fill(f"{scopes.input_value()}\nread:news")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".chips").get_by_role("link", name="read:news")).to_be_visible()


def test_each_scope_says_how_many_keys_hold_it_and_were_asked_for_it(page: Page, server: Serving) -> None:
    server.call("PUT", "/v1/roles/auditor", {"scopes": ["read:reports"]})
    server.call("PUT", "/v1/scopes", {"scopes": [*server.call("GET", "/v1/scopes")["scopes"], "read:rare"]})
    secrets = []
    for name in ("One", "Two", "Three"):
        asked = {"owner": "build-server", "name": name, "scopes": ["read:rare"], "roles": ["auditor"]}
        secrets.append(server.call("POST", "/v1/keys", asked)["secret"])
    server.call("POST", "/v1/verify", {"credential": secrets[0], "scopes": ["read:rare"]})
    until(lambda: asked_for(server, "read:rare"))
    page.goto("/console/scopes")
    grant = page.get_by_role("table", name="Grants").get_by_role("row").filter(has_text="read:rare")
    expect(grant.get_by_role("cell").first).to_have_text("3")
    expect(grant.get_by_role("cell").nth(1)).to_have_text("1")
    expect(page.get_by_role("table", name="Roles").get_by_role("row").filter(has_text="auditor")).to_contain_text("3")


def asked_for(server: Serving, scope: str) -> bool:
    """Tell whether some key was asked for a scope."""
    return any(one["value"] == scope for one in server.call("GET", "/v1/keys/facets")["asked_scopes"])


def test_a_session_is_ended(page: Page, server: Serving) -> None:
    access = server.call("POST", "/v1/sessions", {"owner": "build-server"})["access"]
    page.goto("/console/sessions")
    row(page, "build-server").get_by_role("button", name="End").click()
    expect(row(page, "build-server")).to_contain_text("Ended")
    assert server.verify(access)[1]["valid"] is False


def test_live_shows_an_event_as_soon_as_it_is_committed(page: Page, server: Serving) -> None:
    page.goto("/console/live?types=owner.*")
    expect(page.locator(".pulse")).to_have_text("Listening")
    server.call("PUT", "/v1/owners/just-now", {})
    expect(page.locator(".entries li").first).to_contain_text("just-now", timeout=30_000)


def test_keys_are_imported_after_a_dry_run(page: Page, server: Serving) -> None:
    row_ = {"id": "1", "owner": "ada@example.com", "name": "From elsewhere", "hash": {"scheme": "raw", "value": OLD}}
    page.goto("/console/imports")
    page.get_by_label("Source").fill("old-system")
    page.get_by_role("textbox", name="Rows").fill(json.dumps(row_))
    press(page, "Try it: import nothing yet")
    expect(page.get_by_text("1 key would be imported")).to_be_visible()
    assert server.verify(OLD)[1]["valid"] is False
    press(page, "Import them")
    expect(page.get_by_text("1 key imported")).to_be_visible()
    assert server.verify(OLD)[1]["valid"] is True


OLD = "old_0123456789abcdefghijklmnop"


def test_a_tenant_is_made_and_suspended(page: Page, server: Serving) -> None:
    page.goto("/console/tenants")
    press(page, "New tenant")
    page.get_by_label("Slug").fill("globex")
    page.get_by_label("Keys live, in days").fill("30")
    page.get_by_role("button", name="Create tenant").click()
    expect(page.get_by_role("heading", name="globex")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("30 days, at most 365 days")
    press(page, "Suspend")
    page.get_by_role("button", name="Suspend the tenant").click()
    expect(page.locator(".facts .status")).to_have_text("Suspended")
    press(page, "Resume")
    expect(page.locator(".facts .status")).to_have_text("Active")


def test_signing_keys_are_rotated(page: Page, server: Serving) -> None:
    page.goto("/console/signing-keys")
    row(page, "Signs next").wait_for()
    press(page, "Rotate")
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    expect(row(page, "Its tokens are still good")).to_have_count(1)


def test_an_operators_key_for_verifying_is_made(page: Page, server: Serving, issued: dict[str, Any]) -> None:
    page.goto("/console/operators")
    page.get_by_role("link", name="For verifying").last.click()
    page.locator("[name=owner]").fill("build-server")
    page.get_by_label("Name").fill("Gateway")
    expect(page.get_by_label("tokenry:verify")).to_be_checked()
    press(page, "Issue key")
    key = page.get_by_label("The secret").input_value()
    question = {"credential": issued["Staging"]["secret"]}
    assert server.try_call("POST", "/v1/verify", question, key)[1]["valid"] is True
    press(page, "I have saved it")
    page.get_by_role("heading", name="Gateway").wait_for()


def test_usage_is_shown_by_key_and_exported(page: Page, tmp_path: Path) -> None:
    page.goto("/console/usage?span=7%20days")
    expect(page.locator(".legend")).to_contain_text("not allowed")
    expect(page.get_by_role("list", name="Keys by calls")).to_contain_text("Invoices, production")
    expect(page.get_by_role("list", name="Refusals by reason")).to_contain_text("scope missing")
    with page.expect_download() as download:
        press(page, "Export as CSV")
    download.value.save_as(tmp_path / "usage.csv")
    rows = list(csv.DictReader((tmp_path / "usage.csv").read_text().splitlines()))
    assert {"valid", "insufficient_scope"} <= {one["code"] for one in rows}
    assert {one["owner"] for one in rows} >= {"billing-service", "build-server"}


def test_keys_are_sorted_by_their_headings_and_show_their_use(page: Page) -> None:
    page.goto("/console")
    page.get_by_role("button", name="Name", exact=True).click()
    expect(page.locator("tbody th").first).to_have_text("Ada's notebook")
    page.get_by_role("button", name="Name", exact=True).click()
    expect(page.locator("tbody th").last).to_have_text("Ada's notebook")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    expect(row(page, "Invoices, production").get_by_role("img", name="40 calls in 7 days")).to_be_visible()


def test_the_keyboard_goes_everywhere_and_can_be_switched_off(page: Page) -> None:
    page.goto("/console")
    page.locator(".list").wait_for()
    keyboard = page.keyboard
    keyboard.press("j")
    keyboard.press("j")
    expect(page.locator("tbody tr").nth(1).locator("th a")).to_be_focused()
    keyboard.press("g")
    keyboard.press("o")
    expect(page.get_by_role("heading", name="Owners")).to_be_visible()
    keyboard.press("Control+k")
    keyboard.type("webh")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
    keyboard.press("?")
    page.get_by_label("Single keys work").uncheck()
    keyboard.press("Escape")
    keyboard.press("n")
    expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
    keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("button", name="Keys", exact=True).click()
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.evaluate("localStorage.clear()")


def test_a_dialog_is_open_before_the_next_stroke(page: Page) -> None:
    page.goto("/console")
    page.locator(".list").wait_for()
    opened = page.evaluate(
        """async () => {
          dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true }));
          await null;
          await null;
          return document.querySelector("dialog")?.open;
        }"""
    )
    assert opened is True, "letters typed at once would be lost, or work as keys of the page"


def test_no_screen_puts_a_pasted_key_into_its_url(page: Page, signed_in: Seeing, issued: dict[str, Any]) -> None:
    secret = issued["Staging"]["secret"]
    for path in ("/console", "/console/owners", "/console/sessions"):
        page.goto(path)
        page.locator("#search").fill(secret)
        page.locator("#search").press("Enter")
        expect(page.get_by_role("heading", name="Staging")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("textbox").fill(secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Staging")).to_be_visible()
    assert not [url for url in signed_in.requests if secret in url]


def test_the_key_page_is_set_with_a_preview(page: Page, signed_in: Seeing) -> None:
    page.goto("/console/key-page")
    page.get_by_label("Title").fill("Acme access")
    page.get_by_label("Colour on light").fill("#eeeeee")
    page.get_by_label("Colour on dark").fill("#ffd166")
    page.get_by_label("Make keys").uncheck()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("Acme access").first).to_be_visible()
    expect(preview.get_by_text("Make key")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").first).to_contain_text("contrast")
    page.get_by_label("Colour on light").fill("#0b5d1e")
    page.get_by_label("Texts in place of ours").fill("{")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").first).to_contain_text("not JSON")
    page.get_by_label("Texts in place of ours").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Title")).to_have_value("Acme access")
    expect(page.get_by_label("Make keys")).not_to_be_checked()
    page.get_by_label("Title").fill("")
    page.get_by_label("Make keys").check()
    for label in ("Colour on light", "Colour on dark"):
        page.get_by_label(label).fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.").last).to_be_visible()


def test_the_doctor_shows_the_worst_first_with_a_command_to_copy(page: Page, server: Serving) -> None:
    keyring = server.directory / "tokenry-data" / "tokenry.db.keyring"
    page.goto("/console")
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Doctor").click()
    expect(page.get_by_text("0 things to repair")).to_be_visible()
    findings = page.locator(".diagnoses > li")
    expect(findings.first.locator(".status")).to_have_text("Look at")
    expect(findings.last.locator(".status")).to_have_text("OK")
    expect(findings.filter(has_text="keyring place")).to_contain_text("Keep backups of the two apart")
    keyring.chmod(0o644)
    try:
        press(page, "Examine again")
        expect(page.get_by_text("1 thing to repair")).to_be_visible()
    finally:
        keyring.chmod(0o600)
    expect(findings.first).to_contain_text("others can read")
    expect(findings.first.locator(".status")).to_have_text("Repair")
    findings.first.get_by_role("button", name="Copy").click()
    expect(findings.first.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("chmod 600 ")
    press(page, "Examine again")
    expect(page.get_by_text("0 things to repair")).to_be_visible()


def test_the_doctor_is_for_operators_of_the_installation_alone(signed_in: Seeing, server: Serving) -> None:
    scopes = ["tokenry:keys:read", "tokenry:audit:read"]
    of_tenant = {"owner": "grace@example.com", "name": "Reads", "environment": "op", "scopes": scopes}
    server.call("POST", "/v1/owners/grace@example.com/enable", {})
    secret = server.call("POST", "/v1/keys", of_tenant)["secret"]
    other = Seeing(signed_in.context.browser, server)
    page = other.sign_in(secret)
    links = page.get_by_role("navigation", name="Console").get_by_role("link")
    expect(links.filter(has_text="Audit")).to_have_count(1)
    expect(links.filter(has_text="Doctor")).to_have_count(0)
    page.goto("/console/doctor")
    expect(page.get_by_text("a key of the installation")).to_be_visible()
    other.check()
    other.context.close()
