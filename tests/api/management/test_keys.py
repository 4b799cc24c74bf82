"""Keys over HTTP: what the library promises, in the words of the wire."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from tests.api.management.conftest import Api
from tokenry.store.fixed import Raw


def issue(client: TestClient, name: str = "CI", headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/keys", json={"owner": "ada", "name": name, **fields}, headers=headers)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_key_is_issued_with_everything_that_was_asked_for(api: Api, client: TestClient) -> None:
    api.tk.roles.put("reader", scopes=["read:x"])
    asked = {
        "owner": "ada",
        "name": "CI",
        "scopes": ["read:projects"],
        "roles": ["reader"],
        "description": "of the build",
        "expires_in_seconds": 2_592_000,
        "allowed_ips": ["203.0.113.0/24"],
        "limits": [{"name": "minute", "limit": 5, "window_seconds": 60}],
        "environment": "test",
        "metadata": {"team": ["a", 1]},
        "tags": ["ci", "blue"],
    }
    answer = client.post("/v1/keys", json=asked)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = answer.json()["key"]
    assert {name: key[name] for name in asked if name != "expires_in_seconds"} == {
        name: value for name, value in asked.items() if name != "expires_in_seconds"
    }
    lasts = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert lasts == timedelta(days=30)
    verdict = api.tk.verify(answer.json()["secret"], scopes=["read:projects", "read:x"], ip="203.0.113.1")
    assert verdict.code == "valid"


def test_a_secret_is_shown_once(client: TestClient) -> None:
    issued = issue(client)
    secret, id = issued["secret"], issued["key"]["id"]
    for path in ("/v1/keys", f"/v1/keys/{id}", "/v1/audit", "/v1/events", f"/v1/keys/{id}/usage"):
        assert secret not in client.get(path).text
        assert secret[-57:-14] not in client.get(path).text


def test_everything_is_no_store_and_names_its_request(client: TestClient) -> None:
    answers = [client.get("/v1/keys"), client.get("/v1/keys/nothing"), client.get("/nowhere"), client.post("/v1/self")]
    answers.append(client.post("/v1/keys", content=b"{"))
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
        if answer.is_error:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_the_audit_log_knows_the_request_and_the_caller(api: Api, client: TestClient) -> None:
    answer = client.post("/v1/keys", json={"owner": "ada", "name": "CI"})
    entry = client.get("/v1/audit", params={"action": "key.issued"}).json()["items"][0]
    assert entry["request_id"] == answer.headers["X-Request-Id"]
    assert entry["ip"] == "203.0.113.9"
    assert entry["actor"] == api.tk.keys.find(api.operator, tenant="system").id


def test_keys_that_are_issued_at_once_keep_their_own_answers_and_requests(api: Api) -> None:
    with api.client(api.operator) as client:  # one event loop for all

        def ask(number: int) -> Any:
            return client.post("/v1/keys", json={"owner": "ada", "name": f"key {number % 20}"})

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(40)))
        assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 20
        issued = {a.headers["X-Request-Id"]: a.json()["key"]["id"] for a in answers if a.status_code == 201}
        entries = client.get("/v1/audit", params={"action": "key.issued", "limit": 100}).json()["items"]
        audited = {entry["request_id"]: entry["subject"] for entry in entries if entry["request_id"]}
    assert audited == issued
    for answer in answers:
        if answer.status_code == 201:
            assert api.tk.verify(answer.json()["secret"]).key.id == answer.json()["key"]["id"]


def test_every_wrong_field_is_named_at_once(client: TestClient) -> None:
    asked = {
        "owner": "ada",
        "name": "",
        "scopes": ["Read Projects"],
        "limits": [{"name": "m", "limit": 0, "window_seconds": 60}],
        "expires_in_seconds": -1,
        "metadata": [],
        "status": "active",
        "secret": "mine",
    }
    answer = client.post("/v1/keys", json=asked)
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    expected = {"name", "scopes", "limits[0].limit", "expires_in_seconds", "metadata", "status", "secret"}
    assert fields == expected
    codes = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert codes["status"] == codes["secret"] == "unknown_field"


def test_what_the_engine_finds_wrong_bears_the_names_of_the_wire(client: TestClient) -> None:
    answer = client.post(
        "/v1/keys",
        json={"owner": "ada", "name": "CI", "expires_in_seconds": 3_110_400_000, "allowed_ips": ["10.0.0.1/8"]},
    )
    assert {error["field"] for error in answer.json()["errors"]} == {"expires_in_seconds", "allowed_ips"}


def test_values_are_wrong_together_whether_a_schema_or_only_the_database_tells(client: TestClient) -> None:
    client.put("/v1/scopes", json={"scopes": ["read:projects"]})
    asked = {
        "owner": "ada",
        "name": " ",
        "scopes": ["no:such", "NO"],
        "expires_in_seconds": 1e300,
        "environment": "LIVE",
    }
    errors = client.post("/v1/keys", json=asked).json()["errors"]
    assert {(error["field"], error["code"]) for error in errors} == {
        ("name", "blank"),
        ("scopes", "bad_scope"),
        ("scopes", "unknown_scope"),
        ("expires_in_seconds", "out_of_range"),
        ("environment", "bad_environment"),
    }
    assert client.get("/v1/keys").json()["items"] == []


def test_what_is_right_is_not_named_beside_a_mistake(client: TestClient) -> None:
    limits = [{"name": "m", "limit": 5.0, "window_seconds": 60}]
    asked = {"owner": "ada", "name": "CI", "limits": limits, "not_before": "2030-01-01T00:00:00Z", "more": 1}
    errors = client.post("/v1/keys", json=asked).json()["errors"]
    assert [error["field"] for error in errors] == ["more"]


def test_a_wrong_key_among_many_gets_its_own_answer_in_the_names_of_the_wire(client: TestClient) -> None:
    keys = [{"owner": "ada", "name": " ", "expires_in_seconds": 3_110_400_000}, {"owner": "ada", "name": "CI"}]
    answer = client.post("/v1/keys/bulk", json={"keys": keys})
    wrong, good = answer.json()["items"]
    assert {error["field"] for error in wrong["error"]["errors"]} == {"name", "expires_in_seconds"}
    assert wrong["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert good["key"]["name"] == "CI"


def test_a_repeat_with_the_same_idempotency_key_gets_the_same_answer(client: TestClient) -> None:
    headers = {"Idempotency-Key": "build 7"}
    first = issue(client, headers=headers)
    assert issue(client, headers=headers) == first
    other = client.post("/v1/keys", json={"owner": "ada", "name": "other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_rotation_is_repeatable_and_keeps_the_old_secret_for_its_grace(api: Api, client: TestClient) -> None:
    issued = issue(client)
    path = f"/v1/keys/{issued['key']['id']}/rotate"
    answers = [
        client.post(path, json={"grace_seconds": 3600}, headers={"Idempotency-Key": "once"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert api.tk.verify(issued["secret"])
    assert api.tk.verify(answers[0]["secret"])
    client.post(path)
    assert api.tk.verify(issued["secret"]).code == api.tk.verify(answers[0]["secret"]).code == "revoked"


def test_a_change_needs_the_version_that_was_read(client: TestClient) -> None:
    id = issue(client)["key"]["id"]
    etag = client.get(f"/v1/keys/{id}").headers["ETag"]
    changed = client.patch(f"/v1/keys/{id}", json={"description": "a"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag
    late = client.patch(f"/v1/keys/{id}", json={"description": "b"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_mismatch")
    assert client.get(f"/v1/keys/{id}").json()["description"] == "a"


def test_states_follow_their_calls(api: Api, client: TestClient) -> None:
    issued = issue(client)
    path = f"/v1/keys/{issued['key']['id']}"
    assert client.post(f"{path}/disable").json()["status"] == "disabled"
    assert api.tk.verify(issued["secret"]).code == "disabled"
    assert client.post(f"{path}/enable").json()["status"] == "active"
    revoked = client.post(f"{path}/revoke", json={"reason": "leaked"}).json()
    assert (revoked["status"], revoked["revoke_reason"]) == ("revoked", "leaked")
    assert client.post(f"{path}/revoke", json={"reason": "again"}).json()["revoked_at"] == revoked["revoked_at"]
    assert api.tk.verify(issued["secret"]).code == "revoked"
    assert client.post(f"{path}/rotate").status_code == 409
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_pages_hold_every_key_once_and_cursors_belong_to_their_list(client: TestClient) -> None:
    ids = [issue(client, name=f"key {number}")["key"]["id"] for number in range(7)]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/keys", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [key["id"] for key in page["items"]]
        cursor = page["next_cursor"] or cursor
        if page["next_cursor"] is None:
            break
    assert seen == list(reversed(ids))
    foreign = client.get("/v1/owners", params={"cursor": cursor})
    assert (foreign.status_code, foreign.json()["errors"][0]["code"]) == (422, "bad_cursor")


def test_filters_narrow_and_unknown_or_repeated_ones_are_refused(client: TestClient) -> None:
    issue(client, name="a", scopes=["read:a"], tags=["ci"])
    soon = issue(client, name="b", expires_in_seconds=172_800)["key"]["id"]
    assert [key["name"] for key in client.get("/v1/keys", params={"scope": "read:a"}).json()["items"]] == ["a"]
    assert [key["id"] for key in client.get("/v1/keys/expiring?within_seconds=604800").json()["items"]] == [soon]
    assert [key["name"] for key in client.get("/v1/keys", params={"tag": "ci"}).json()["items"]] == ["a"]
    assert client.get("/v1/keys", params={"tag": "c"}).json()["items"] == []
    assert client.get("/v1/keys", params={"stauts": "active"}).json()["errors"][0]["field"] == "stauts"
    assert client.get("/v1/keys?status=active&status=revoked").status_code == 422


def test_a_key_is_found_by_its_secret_and_by_its_kid(client: TestClient) -> None:
    issued = issue(client)
    for asked in ({"secret": issued["secret"]}, {"kid": issued["key"]["secrets"][0]["kid"]}):
        assert client.post("/v1/keys/find", json=asked).json()["id"] == issued["key"]["id"]


def test_many_are_issued_with_a_result_each(client: TestClient) -> None:
    keys = [{"owner": "ada", "name": "a"}, {"owner": "nobody", "name": "b"}, {"owner": "ada", "name": "a"}]
    items = client.post("/v1/keys/bulk", json={"keys": keys}).json()["items"]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, "not_found", "conflict"]
    assert items[0]["secret"].startswith("tk_live_1")


def test_a_bulk_revocation_is_a_dry_run_unless_told_otherwise(client: TestClient) -> None:
    id = issue(client)["key"]["id"]
    assert client.post("/v1/keys/bulk-revoke", json={}).status_code == 422
    dry = client.post("/v1/keys/bulk-revoke", json={"owner": "ada"}).json()
    assert (dry["dry_run"], [item["key"]["id"] for item in dry["items"]]) == (True, [id])
    assert client.get(f"/v1/keys/{id}").json()["status"] == "active"
    client.post("/v1/keys/bulk-revoke", json={"owner": "ada", "dry_run": False, "reason": "left"})
    assert client.get(f"/v1/keys/{id}").json()["revoke_reason"] == "left"
    now = datetime.now(UTC).isoformat()
    assert client.post("/v1/keys/purge", json={"revoked_before": now}).json() == {"deleted_count": 1}


def test_limits_are_told_in_the_body_and_in_header_fields(api: Api, client: TestClient) -> None:
    issued = issue(client, limits=[{"name": "day", "limit": 5, "window_seconds": 86_400}])
    api.tk.verify(issued["secret"], cost=2)
    answer = client.get(f"/v1/keys/{issued['key']['id']}/limits")
    assert answer.json()["items"][0]["remaining"] == 3
    assert answer.headers["RateLimit-Policy"] == '"day";q=5;w=86400'
    assert answer.headers["RateLimit"].startswith('"day";r=3;t=')


def test_usage_is_told_by_hour_and_code(api: Api, client: TestClient) -> None:
    issued = issue(client)
    api.tk.verify(issued["secret"])
    api.tk.flush()
    for path in (f"/v1/keys/{issued['key']['id']}/usage", f"/v1/usage?key_id={issued['key']['id']}"):
        assert [(hour["code"], hour["count"]) for hour in client.get(path).json()["items"]] == [("valid", 1)]


@pytest.mark.parametrize("with_secret", [True, False])
def test_an_explanation_names_the_first_failure(client: TestClient, with_secret: bool) -> None:
    issued = issue(client, scopes=["read:a"], allowed_ips=["192.0.2.0/24"])
    path = "/v1/explain" if with_secret else f"/v1/keys/{issued['key']['id']}/explain"
    body = {"credential": issued["secret"]} if with_secret else {}
    explanation = client.post(path, json={**body, "scopes": ["write:a"], "ip": "192.0.2.7"}).json()
    assert (explanation["valid"], explanation["code"]) == (False, "insufficient_scope")
    assert {check["code"]: check["passed"] for check in explanation["checks"]}["ip_not_allowed"] is True


def test_an_operator_of_a_tenant_explains_no_foreign_credential(api: Api, client: TestClient) -> None:
    secret = issue(client)["secret"]
    stranger = api.client(api.operator_of("acme"))
    gone = api.tk.keys.issue("ada", name="gone")
    api.tk.keys.delete(gone.key.id)
    explanations = [stranger.post("/v1/explain", json={"credential": str(one)}).json() for one in (secret, gone.secret)]
    assert explanations[0]["code"] == "not_found"
    assert explanations[0] == explanations[1], "a foreign credential is explained like one that does not exist"
    token = str(api.tk.sessions.start("ada").access)
    explanations = [
        stranger.post("/v1/explain", json={"credential": token, "audience": one}).json() for one in ("x", "y")
    ]
    assert explanations[0] == explanations[1]
    assert not any(check["detail"] for check in explanations[0]["checks"])
    mine = client.post("/v1/explain", json={"credential": token, "audience": "x"}).json()
    assert [check["code"] for check in mine["checks"] if "and not for 'x'" in check["detail"]] == ["not_found"]


def test_a_page_costs_the_same_number_of_statements_whatever_it_holds(
    api: Api, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    run = Raw.run

    def count(statement: str) -> None:
        if not threading.current_thread().name.startswith("tokenry"):  # which works beside requests
            statements.append(statement)

    def counted(connection: Raw, text: str, rows: Any) -> Any:
        count(text)
        return run(connection, text, rows)

    def before(connection: Any, cursor: Any, statement: str, *about: Any) -> None:
        count(statement)

    def cost(path: str) -> int:
        statements.clear()
        assert client.get(path, params={"limit": 100}).status_code == 200
        return len([one for one in statements if one.startswith("SELECT")])

    paths = ["/v1/keys", "/v1/owners", "/v1/roles", "/v1/audit", "/v1/events", "/v1/tenants", "/v1/keys/expiring"]
    issue(client, expires_in_seconds=259_200)
    api.tk.roles.put("a", scopes=["read:a"])
    monkeypatch.setattr(Raw, "run", counted)
    event.listen(Engine, "before_cursor_execute", before)
    try:
        few = {path: cost(path) for path in paths}
        keys = [{"owner": "ada", "name": f"key {n}", "expires_in": timedelta(days=9)} for n in range(60)]
        api.tk.keys.issue_many(keys)
        for number in range(30):
            api.tk.owners.put(f"owner {number}", roles=["a"])
            api.tk.roles.put(f"role-{number}", scopes=["read:a"])
            api.tk.tenants.create(f"tenant-{number}")
        assert {path: cost(path) for path in paths} == few
        assert max(few.values()) <= 8
    finally:
        event.remove(Engine, "before_cursor_execute", before)
