"""Tenants, owners, roles, scopes, audit and events over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from starlette.testclient import TestClient

from tests.api.management.conftest import Api


def test_the_catalogue_is_replaced_as_a_whole(client: TestClient) -> None:
    assert client.put("/v1/scopes", json={"scopes": ["read:*", "write:a"]}).json() == {"scopes": ["read:*", "write:a"]}
    assert client.get("/v1/scopes").json() == {"scopes": ["read:*", "write:a"]}
    report = client.post("/v1/scopes/check", json={"scopes": ["read:a", "write:b"]}).json()
    assert report == {"known": False, "unknown": ["write:b"]}


def test_an_owner_is_created_changed_and_ended(api: Api, client: TestClient) -> None:
    path = "/v1/owners/user-42"
    owner = client.put(path, json={"name": "U", "roles": [], "admin": False}).json()
    assert (owner["external_id"], owner["name"], owner["status"]) == ("user-42", "U", "active")
    assert client.put(path, json={"email": "u@example.com"}).json()["name"] == "U"
    secret = api.key("user-42")
    assert client.post(f"{path}/disable").json()["status"] == "disabled"
    assert api.tk.verify(secret).code == "owner_disabled"
    client.post(f"{path}/enable")
    assert api.tk.verify(secret)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert api.tk.verify(secret).code in ("revoked", "owner_disabled")


def test_an_external_id_may_hold_what_a_url_splits_at(client: TestClient) -> None:
    for external_id in ("https://id.example/u?x=1#y", "a/disable", "auth0|5", "ü ñ", "100%"):
        from urllib.parse import quote

        path = f"/v1/owners/{quote(external_id, safe='')}"
        assert client.put(path, json={"name": "N"}).json()["external_id"] == external_id
        assert client.get(path).json()["external_id"] == external_id
        assert client.post(f"{path}/disable").json()["status"] == "disabled"
    assert client.get("/v1/owners").json()["items"][-1]["external_id"] == "ü ñ"


def test_a_percent_sign_is_decoded_once_by_a_server_that_keeps_no_raw_path(api: Api, client: TestClient) -> None:
    async def without_raw_path(scope: Any, receive: Any, send: Any) -> None:
        path = unquote(scope.pop("raw_path").decode())
        await api.app({**scope, "path": path}, receive, send)

    plain = TestClient(without_raw_path, headers=client.headers)
    assert plain.put("/v1/owners/50%2525", json={}).json()["external_id"] == "50%25"


def test_a_role_is_put_and_deleted(client: TestClient) -> None:
    assert client.put("/v1/roles/dev", json={"scopes": ["read:a"]}).json()["scopes"] == ["read:a"]
    assert [role["name"] for role in client.get("/v1/roles").json()["items"]] == ["dev"]
    assert client.delete("/v1/roles/dev").status_code == 204
    assert client.get("/v1/roles/dev").status_code == 404


def test_a_tenant_lives_from_its_creation_to_its_end(api: Api, client: TestClient) -> None:
    asked = {
        "slug": "beta",
        "prefix": "beta",
        "expires_in_default_seconds": 43_200,
        "expires_in_max_seconds": 2_592_000,
    }
    tenant = client.post("/v1/tenants", json=asked)
    assert tenant.status_code == 201
    assert {name: tenant.json()[name] for name in asked} == asked
    assert client.post("/v1/tenants", json=asked).status_code == 409
    assert client.patch("/v1/tenants/beta", json={"name": "Beta"}).json()["name"] == "Beta"
    assert tenant.json()["self_rotation_allowed"] is False
    assert client.patch("/v1/tenants/beta", json={"self_rotation_allowed": True}).json()["self_rotation_allowed"]
    client.put("/v1/owners/u", params={"tenant": "beta"}, json={})
    issued = client.post("/v1/keys", params={"tenant": "beta"}, json={"owner": "u", "name": "n"}).json()
    assert issued["secret"].startswith("beta_live_1")
    client.post("/v1/tenants/beta/suspend")
    assert api.tk.verify(issued["secret"]).code == "tenant_suspended"
    client.post("/v1/tenants/beta/resume")
    assert api.tk.verify(issued["secret"])
    assert client.delete("/v1/tenants/beta").status_code == 409


def test_an_operator_of_a_tenant_works_in_its_own_without_naming_it(api: Api) -> None:
    client = api.client(api.operator_of("acme"))
    assert client.put("/v1/owners/u", json={}).json()["tenant"] == "acme"
    assert client.get("/v1/tenants/acme").json()["slug"] == "acme"
    assert client.get("/v1/tenants/default").status_code == client.get("/v1/tenants/none").status_code == 404
    assert client.put("/v1/owners/u", params={"tenant": "acme"}, json={}).status_code == 200


def test_an_operator_makes_no_operator_who_may_more(api: Api) -> None:
    client = api.client(api.operator_of("acme", ("tokenry:keys:write",)))
    asked = {"owner": "operator", "name": "more", "environment": "op", "scopes": ["tokenry:audit:read"]}
    answer = client.post("/v1/keys", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert client.post("/v1/keys", json={**asked, "scopes": ["tokenry:keys:write"]}).status_code == 201


def test_the_audit_log_is_read_checked_and_held_against_a_kept_head(client: TestClient) -> None:
    client.put("/v1/owners/u", json={})
    head = client.get("/v1/audit/head").json()
    client.put("/v1/owners/v", json={})
    report = client.post("/v1/audit/check", json={"head": head}).json()
    assert (report["whole"], report["problems"]) == (True, [])
    forged = client.post("/v1/audit/check", json={"head": {**head, "position": head["position"] + 1}}).json()
    assert forged["whole"] is False
    subjects = [
        entry["subject"] for entry in client.get("/v1/audit", params={"action": "owner.created"}).json()["items"]
    ]
    assert subjects[:2] == ["v", "u"]


def test_who_goes_on_after_the_last_event_misses_none(client: TestClient) -> None:
    client.put("/v1/owners/u", json={})
    last = client.get("/v1/events").json()["items"][-1]["sequence"]
    client.put("/v1/owners/v", json={})
    client.put("/v1/roles/r", json={"scopes": []})
    events = client.get("/v1/events", params={"after": last, "types": ["owner.*", "role.updated"]}).json()["items"]
    assert [(event["type"], event["subject"]) for event in events] == [("owner.created", "v"), ("role.updated", "r")]
