"""Requests that are no good, and an engine that cannot answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.management.conftest import Api
from tokenry.api.management import Callers, Management
from tokenry.api.reference.markdown import table, table_of_routes
from tokenry.edge import Throttle
from tokenry.edge.problems import KINDS
from tokenry.operations import OPERATIONS
from tokenry.types import StoreUnavailable

DEEP = '{"owner": "ada", "name": "n", "metadata": {"a": ' + "[" * 40 + "]" * 40 + "}}"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("{", "application/json", 400, "bad_request"),
        ("", "application/json", 422, "invalid"),
        ("[]", "application/json", 422, "invalid"),
        ('{"owner": "\\ud800", "name": "n"}', "application/json", 400, "bad_request"),
        ('{"owner": "a\\u0000", "name": "n"}', "application/json", 422, "invalid"),
        (DEEP, "application/json", 400, "bad_request"),
        ("[" * 100_000, "application/json", 400, "bad_request"),
        ('{"owner": NaN}', "application/json", 400, "bad_request"),
        ("owner=ada&name=n", "application/x-www-form-urlencoded", 415, "not_json"),
        ("{}", "text/plain", 415, "not_json"),
        (" " * ((1 << 20) + 1), "application/json", 413, "body_too_large"),
    ],
    ids=[
        "cut off",
        "empty",
        "list",
        "lone surrogate",
        "NUL",
        "too deep",
        "endless nesting",
        "NaN",
        "form",
        "text",
        "too large",
    ],
)
def test_a_body_that_is_no_good_is_refused_with_a_problem(
    client: TestClient, body: str, kind: str, status: int, code: str
) -> None:
    answer = client.post("/v1/keys", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_that_grows_beyond_its_limit_is_not_read_on(client: TestClient) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1 << 16
            yield b" " * (1 << 16)

    answer = client.post("/v1/keys", content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_where_none_is_read_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/keys/key_x/disable", json={"reason": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")
    assert client.post("/v1/keys/key_x/disable", json={}).status_code == 404


def test_of_very_many_mistakes_a_hundred_are_named(client: TestClient) -> None:
    body = {"owner": "ada", "name": "n", **{f"f{number}": 1 for number in range(5000)}}
    problem = client.post("/v1/keys", json=body).json()
    assert problem["detail"].startswith("More than 100 values cannot be accepted: f0, f1, ")
    assert problem["detail"].endswith(", f99, …")
    assert [error["field"] for error in problem["errors"]] == [f"f{number}" for number in range(100)]


def test_urls_that_are_no_utf8_are_refused_and_never_read_as_another(client: TestClient) -> None:
    for url in ("/v1/owners/%ff", "/v1/owners/%ed%a0%80", "/v1/owners/ada?tenant=%ff"):
        answer = client.put(url, json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert client.put("/v1/owners/%ef%bf%bd", json={"name": "x"}).status_code == 200


def test_a_condition_that_nobody_heeds_is_refused_and_nothing_happens(client: TestClient) -> None:
    id = client.post("/v1/keys", json={"owner": "ada", "name": "n"}).json()["key"]["id"]
    for method, path in (("DELETE", ""), ("POST", "/revoke"), ("POST", "/rotate"), ("POST", "/disable")):
        answer = client.request(method, f"/v1/keys/{id}{path}", headers={"If-Match": '"7"'})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match")
    found = client.get(f"/v1/keys/{id}", headers={"If-Match": '"7"'})
    assert (found.status_code, found.json()["version"]) == (200, 1)


@pytest.mark.parametrize(("name", "first"), [("Idempotency-Key", "one"), ("If-Match", '"1"')])
def test_a_field_that_is_given_twice_is_refused(client: TestClient, name: str, first: str) -> None:
    id = client.post("/v1/keys", json={"owner": "ada", "name": "n"}).json()["key"]["id"]
    fields = [(name, first), (name, '"2"')]
    if name == "If-Match":
        answer = client.patch(f"/v1/keys/{id}", json={"name": "m"}, headers=fields)
    else:
        answer = client.post("/v1/keys", json={"owner": "ada", "name": "m"}, headers=fields)
    assert (answer.status_code, answer.json()["errors"][0]) == (
        422,
        {"field": name, "code": "duplicate", "message": "is given more than once"},
    )


def test_an_idempotency_key_of_another_request_is_named_as_it_was_sent(client: TestClient) -> None:
    fields = {"Idempotency-Key": "one"}
    assert client.post("/v1/keys", json={"owner": "ada", "name": "n"}, headers=fields).status_code == 201
    answer = client.post("/v1/keys", json={"owner": "ada", "name": "m"}, headers=fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_mistakes_of_query_and_body_are_named_together(client: TestClient) -> None:
    def named(answer: Any) -> dict[str, str]:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        return {error["field"]: error["code"] for error in answer.json()["errors"]}

    wrong = {"owner": "ada", "name": "", "allowed_ips": ["x"], "nonsense": 1}
    assert named(client.post("/v1/keys?foo=1&tenant=a&tenant=b", json=wrong)) == {
        "foo": "unknown_field",
        "tenant": "duplicate",
        "nonsense": "unknown_field",
        "name": "blank",
        "allowed_ips": "bad_address",
    }
    assert named(client.post("/v1/keys?foo=1", json={"owner": "ada", "name": ""})).keys() == {"foo", "name"}
    assert named(client.post("/v1/keys?foo=1", json={"owner": "ada", "name": "n"})).keys() == {"foo"}
    assert named(client.post("/v1/keys?foo=1")).keys() == {"foo", "body"}
    assert named(client.post("/v1/keys/bulk?foo=1", json={"keys": [{"owner": "a"}]})).keys() == {"foo", "keys[0].name"}
    assert named(client.request("GET", "/v1/keys?foo=1&limit=0", json={"x": 1})).keys() == {"foo", "x", "limit"}
    assert client.get("/v1/keys").json()["items"] == client.get("/v1/keys?limit=100").json()["items"]
    assert not [key for key in client.get("/v1/keys").json()["items"] if key["name"] == "n"]


def test_every_mistake_of_a_body_is_named_at_once(client: TestClient) -> None:
    body = {
        "scopes": ["NO"],
        "more": 1,
        "allowed_ips": ["10.0.0.1/8", "192.0.2.1", "nonsense"],
        "expires_in_seconds": -1,
    }
    answer = client.post("/v1/keys", json=body)
    found = sorted(error["field"] for error in answer.json()["errors"])
    assert answer.status_code == 422
    assert found == ["allowed_ips", "allowed_ips", "expires_in_seconds", "more", "name", "owner", "scopes"]
    answer = client.post("/v1/keys", json={"allowed_ips": None, "owner": "ada", "name": "x"})
    assert [error["field"] for error in answer.json()["errors"]] == ["allowed_ips"]


def test_a_name_of_the_library_is_refused_under_its_own_name_with_the_name_of_the_wire(client: TestClient) -> None:
    body = client.post("/v1/keys", json={"owner": "ada", "name": "n", "expires_in": 60}).json()
    query = client.get("/v1/keys/expiring?within=5").json()
    for problem, name in ((body, "expires_in"), (query, "within")):
        [error] = problem["errors"]
        assert (error["field"], error["code"]) == (name, "unknown_field")
        assert error["message"].endswith(f": did you mean {name}_seconds?")


def test_a_value_of_another_kind_is_explained_without_python(client: TestClient) -> None:
    asked = {"owner": 7, "name": "n", "expires_at": "tomorrow", "expires_in_seconds": "60", "more": 1}
    errors = {error["field"]: error["message"] for error in client.post("/v1/keys", json=asked).json()["errors"]}
    assert errors["owner"] == "must be text, got whole number"
    assert errors["expires_at"].startswith("must be a moment with a time zone, such as ")
    assert errors["expires_in_seconds"] == "must be number or null, got text"
    mistake = client.get("/v1/keys?status=activ").json()["errors"][0]
    expected = "must be one of active, disabled, revoked, expired: did you mean active?"
    assert (mistake["field"], mistake["message"]) == ("status", expected)


def test_nothing_is_read_of_who_may_not_call(api: Api) -> None:
    answer = api.client(None).post("/v1/keys", content="{", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("credential", ["", "nonsense", "tk_op_1" + "a" * 73, "a" * 100_000, "tk_op_1\u00e9", "a.b.c"])
def test_a_bad_credential_is_told_nothing(api: Api, credential: str) -> None:
    headers = [(b"authorization", b"Bearer " + credential.encode())]
    answer = api.client(None).get("/v1/keys", headers=headers)
    assert answer.status_code == 401
    assert not credential or credential not in answer.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable("private", cause="OperationalError"), 503, "store_unavailable"),
        (StoreUnavailable("private", cause="SQLITE_FULL"), 507, "store_full"),
        (RuntimeError("tk_live_1secret in an unexpected place"), 500, "internal"),
    ],
)
def test_a_failing_engine_is_a_problem_that_tells_nothing_private(
    api: Api, client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def fail() -> Callable[..., None]:
        raise error

    client.get("/v1/self")  # from now on the operator is remembered
    monkeypatch.setattr(api.tk._database, "change", fail)
    answer = client.put("/v1/owners/u", json={})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status != 500)
    assert str(error) not in answer.text


def test_every_code_has_a_page(client: TestClient) -> None:
    for code, kind in KINDS.items():
        page = client.get(f"/docs/problems/{code}")
        assert page.status_code == 200
        assert kind.title in page.text
    assert client.get("/docs/problems/nonsense").status_code == 404


def test_the_reference_needs_no_other_host_and_runs_under_a_strict_policy(client: TestClient) -> None:
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/docs/reference.js" defer>']
    for path in ("/", "/docs", "/docs/reference.css", "/docs/reference.js", "/docs/problems"):
        text = client.get(path).text
        assert re.findall(r'(?:src|href|action)="(?![/#][^/])[^"]+', text.replace('href="/"', "")) == []
        assert "url(" not in text
        assert "style=" not in text
    document = json.loads(client.get("/openapi.json").text)
    assert document["openapi"].startswith("3.1")


def test_the_page_at_the_root_links_to_the_console_only_where_it_is(client: TestClient, api: Api) -> None:
    assert "/docs" in client.get("/").text
    assert "/console" not in client.get("/").text
    with_console = TestClient(Management(api.tk, Callers(api.tk), console=True))
    assert "/console" in with_console.get("/").text


def test_the_outer_application_says_who_the_client_is_and_how_often_it_may_guess(api: Api) -> None:
    throttle = Throttle(lambda: 0, most=2)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"request_id": "req-7", "client": "192.0.2.77", "throttle": throttle}
        await api.app(scope, receive, send)

    guess = TestClient(outer, headers={"Authorization": "Bearer tk_op_guess"})
    answers = [guess.get("/v1/keys") for _ in range(3)]
    assert [answer.json()["code"] for answer in answers] == ["malformed", "malformed", "throttled"]
    assert (answers[2].status_code, answers[2].headers["Retry-After"]) == (429, "900")
    client = TestClient(outer, headers={"Authorization": f"Bearer {api.operator}"})
    assert client.put("/v1/owners/u", json={}).headers["X-Request-Id"] == "req-7"
    entry = client.get("/v1/audit", params={"subject": "u"}).json()["items"][0]
    assert (entry["ip"], entry["request_id"]) == ("192.0.2.77", "req-7")


def test_every_code_is_documented_with_its_status() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "problems.md").read_text(encoding="utf-8")
    lines = [f'| <a id="{c}"></a>`{c}` | {k.status} | {k.title} | {k.help} |' for c, k in KINDS.items()]
    assert [line for line in lines if line not in text] == []


def test_the_table_of_operations_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
    assert table() in text, "run: python -m tokenry.api.reference.markdown"
    assert table_of_routes() in text


def test_every_route_is_documented(api: Api) -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
    nouns = {path.split("/")[2] for path in api.app.openapi()["paths"]}
    assert [noun for noun in nouns if f"/v1/{noun}" not in text] == []
    assert [
        rule.scope for rule in (one.rule for one in OPERATIONS.values()) if rule.scope and rule.scope not in text
    ] == []


def test_a_body_has_the_size_that_its_fields_may_need(api: Api, client: TestClient) -> None:
    def status(method: str, path: str, size: int) -> int:
        headers = {"Content-Type": "application/json"}
        return client.request(method, path, content=b"{" + b" " * (size - 2) + b"}", headers=headers).status_code

    for method, path, most in (
        ("POST", "/v1/self/rotate", 64),
        ("PUT", "/v1/roles/r", 256),
        ("POST", "/v1/keys", 256),
        ("POST", "/v1/keys/bulk", 1024),
    ):
        assert status(method, path, most * 1024) != 413
        assert status(method, path, most * 1024 + 1) == 413
    whole = {"owner": "ada", "name": "n", "scopes": [f"{n:064}" for n in range(1000)]}
    whole["allowed_ips"] = [f"2001:db8:1111:2222:3333:4444:5555:{n:x}" for n in range(256)]
    assert client.post("/v1/keys", json=whole).status_code == 201


def test_more_keys_in_bulk_than_are_issued_at_once_are_refused(client: TestClient) -> None:
    answer = client.post("/v1/keys/bulk", json={"keys": [{"owner": "ada", "name": "n"}] * 1001})
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("keys", "too_many")]


def test_an_object_in_place_of_a_list_is_named_by_its_field(client: TestClient) -> None:
    limit = {"name": "hour", "limit": 5, "window_seconds": 3600}
    answer = client.put("/v1/owners/ada", json={"default_limits": limit})
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("default_limits", "not_a_list")]
