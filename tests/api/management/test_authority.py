"""What a caller may not do by any route: sign in somebody greater, read by naming, or lose its own new secret."""

from __future__ import annotations

import pytest

from tests.api.management.conftest import Api


@pytest.mark.parametrize("tenant", ["default", "system"])
def test_who_only_signs_owners_in_signs_in_no_administrator(api: Api, tenant: str) -> None:
    api.tk.owners.put("root", admin=True)
    api.tk.owners.put("op", admin=True, tenant="system")
    client = api.client(api.operator_of(tenant, ("tokenry:sessions:write",)))
    asked = {"default": ["root"], "system": ["root", "op"]}[tenant]
    for owner in asked:
        home = "system" if owner == "op" else "default"
        answer = client.post("/v1/sessions", params={"tenant": home}, json={"owner": owner})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert client.post("/v1/sessions", params={"tenant": "default"}, json={"owner": "ada"}).status_code == 201


@pytest.mark.parametrize("body", [{"admin": True}, {"roles": ["lead"]}])
def test_who_only_manages_owners_makes_none_greater(api: Api, body: dict[str, object]) -> None:
    api.tk.roles.put("lead", scopes=["*"])
    client = api.client(api.operator_of("default", ("tokenry:owners:write",)))
    for owner in ("ada", "new"):
        answer = client.put(f"/v1/owners/{owner}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_naming_an_owner_shows_nothing_without_the_scope_to_list(api: Api) -> None:
    api.key("ada")
    api.tk.sessions.start("ada")
    client = api.client(api.operator_of("default", ("tokenry:owners:read", "tokenry:keys:write")))
    for dry_run in (True, False):
        body = {"owner": "ada", "dry_run": dry_run}
        assert client.post("/v1/keys/bulk-revoke", json=body).status_code == 404
    assert client.post("/v1/keys/bulk-revoke", json={"status": "active"}).json()["items"] == []
    assert len(api.tk.keys.list(owner="ada", status="active")) == 1


@pytest.mark.parametrize("scopes", [("tokenry:verify",), ("tokenry:keys:write",)])
def test_an_operators_key_gets_its_lost_secret_again(api: Api, scopes: tuple[str, ...]) -> None:
    api.tk.tenants.update("default", self_rotation_allowed=True)
    key = api.operator_of("default", scopes)
    paths = ["/v1/self/rotate"]
    if "tokenry:keys:write" in scopes:
        paths.append(f"/v1/keys/{api.tk.keys.find(secret=key).id}/rotate")
    for path in paths:
        asked = {"url": path, "json": {"grace_seconds": 60}, "headers": {"Idempotency-Key": path}}
        lost = api.client(key).post(**asked)
        assert lost.status_code == 200, lost.text
        for secret in (key, lost.json()["secret"]):
            assert api.client(secret).post(**asked).json() == lost.json()
        key = lost.json()["secret"]
