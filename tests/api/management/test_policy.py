"""Every route × every kind of caller, generated from the OpenAPI document, equals the policy table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.management.conftest import Api
from tokenry.operations import OPERATIONS, Reach
from tokenry.types import OPERATOR_SCOPES

METHODS = {"get", "put", "post", "patch", "delete"}

# What a caller who may do nothing here is answered, and what one is who may: anything but these.
CALLERS: dict[str, Callable[[Api], str | None]] = {
    "nobody": lambda api: None,
    "nonsense": lambda api: "tk_op_nonsense",
    "ordinary key": lambda api: api.key("ada", scopes=["read:projects"]),
    "key of an admin with *": lambda api: _of_admin(api),
    "ordinary key that may renew itself": lambda api: _renewing(api, api.key("ada", scopes=["read:projects"])),
    "operator of this tenant": lambda api: api.operator_of("default"),
    "operator of another tenant": lambda api: api.operator_of("acme"),
    "operator without scopes": lambda api: api.operator_of("default", ("tokenry:verify",)),
    "operator without scopes that may renew itself": lambda api: _renewing(
        api, api.operator_of("default", ("tokenry:verify",))
    ),
    "revoked operator": lambda api: _revoked(api),
    "expired operator": lambda api: _expired(api),
    "operator of the installation": lambda api: api.operator,
}


def _of_admin(api: Api) -> str:
    api.tk.owners.put("root", admin=True)
    return api.key("root", scopes=["*"])


def _renewing(api: Api, secret: str) -> str:
    api.tk.tenants.update("default", self_rotation_allowed=True)
    return secret


def _revoked(api: Api) -> str:
    secret = api.operator_of("default")
    api.tk.keys.revoke(api.tk.keys.find(secret).id)
    return secret


def _expired(api: Api) -> str:
    secret = api.operator_of("default")
    key = api.tk.keys.find(secret)
    with api.tk._database.change() as rows:
        tenant = api.tk._context._tenant(rows, "default", None)
        rows.keys.update(tenant, key, {"expires_at": key.created_at}, key.created_at, version=None)
    return secret


def operations(app: Any) -> list[tuple[str, str, str]]:
    """Return method, path and id of everything that the document names."""
    found = []
    for path, item in app.openapi()["paths"].items():
        found += [(method, path, operation["operationId"]) for method, operation in item.items() if method in METHODS]
    return found


def expected(id: str, caller: str) -> int | None:
    """Return the status of a refusal, or None when the door is open."""
    rule = OPERATIONS[id].rule
    if rule.reach is Reach.HOLDER and caller == "nobody":
        return None
    if caller in ("nobody", "nonsense", "revoked operator", "expired operator"):
        return 401
    ordinary = caller in ("ordinary key", "key of an admin with *", "ordinary key that may renew itself")
    if rule.reach is Reach.HOLDER:
        return None
    if rule.reach is Reach.SELF:
        may_not_renew = ordinary or caller == "operator without scopes"
        return 403 if id == "self.rotate" and may_not_renew and "renew" not in caller else None
    if ordinary:
        return 401
    if caller.startswith("operator without scopes"):
        return 403
    if rule.reach is Reach.INSTALLATION and caller != "operator of the installation":
        return 403
    return 404 if caller == "operator of another tenant" else None


def send(client: TestClient, method: str, path: str, id: str) -> Any:
    """Send a request about the tenant `default` that says nothing else, so that it changes nothing."""
    path = path.replace("{slug}", "default")
    query = (
        {}
        if id.startswith("tenants.") or OPERATIONS[id].rule.scope is None or id == "explain"
        else {"tenant": "default"}
    )
    body = {"explain": {"credential": "x", "tenant": "default"}, "leaks.report": {"secret": "x"}}.get(id)
    return client.request(method, re.sub(r"\{\w+\}", "nothing", path), params=query, json=body)


def test_every_route_has_a_policy_and_every_policy_a_route(api: Api) -> None:
    assert sorted(id for _, _, id in operations(api.app)) == sorted(OPERATIONS)


def test_every_scope_of_the_policy_is_one_that_operators_can_hold() -> None:
    assert {rule.scope for rule in (one.rule for one in OPERATIONS.values())} - {None} <= set(OPERATOR_SCOPES)


@pytest.mark.parametrize("caller", CALLERS)
def test_every_route_answers_every_kind_of_caller_as_the_policy_says(api: Api, caller: str) -> None:
    client = api.client(CALLERS[caller](api), raise_server_exceptions=False)
    wrong = {}
    for method, path, id in operations(api.app):
        if id == "self.revoke" and expected(id, caller) is None:
            continue  # it would end the caller: see test_self
        answer = send(client, method, path, id)
        status = expected(id, caller)
        fits = answer.status_code == status if status else answer.status_code not in (401, 403)
        if not fits:
            wrong[id] = (answer.status_code, status, answer.text)
    assert wrong == {}


def test_an_operator_with_one_scope_too_few_is_told_which(api: Api) -> None:
    api.tk.owners.put("operator", tenant="system")
    for missing in sorted({rule.scope for rule in (one.rule for one in OPERATIONS.values()) if rule.scope}):
        scopes = tuple(scope for scope in OPERATOR_SCOPES if scope != missing)
        issued = api.tk.keys.issue("operator", name=missing, scopes=scopes, environment="op", tenant="system")
        client = api.client(str(issued.secret))
        for method, path, id in operations(api.app):
            if OPERATIONS[id].rule.scope == missing:
                answer = send(client, method, path, id)
                assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope"), id
                assert missing in answer.json()["detail"]
                assert f'scope="{missing}"' in answer.headers["WWW-Authenticate"]


def test_a_foreign_tenant_is_told_of_exactly_as_one_that_does_not_exist(api: Api) -> None:
    client = api.client(api.operator_of("acme"))
    for method, path, id in operations(api.app):
        if OPERATIONS[id].rule.reach is not Reach.TENANT or id == "tenants.get":
            continue
        answers = []
        for slug in ("default", "nowhere"):
            query = {} if id == "explain" else {"tenant": slug}
            body = {"credential": "x", "tenant": slug} if id == "explain" else None
            answer = client.request(method, re.sub(r"\{\w+\}", "nothing", path), params=query, json=body)
            problem = {**answer.json(), "request_id": ""}
            answers.append((answer.status_code, str(problem).replace(slug, "it")))
        assert answers[0] == answers[1], id
        assert answers[0][0] == 404, id
