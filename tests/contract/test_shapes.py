"""The shapes that other people's code relies on: these calls, with these arguments, on both faces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tokenry import AsyncTokenry, Limit, Tokenry

AT, LENGTH = datetime(2027, 1, 1, tzinfo=UTC), timedelta(days=7)
FILTERS: dict[str, Any] = {
    "owner": "user-42",
    "status": "active",
    "scope": "a",
    "environment": "live",
    "text": "a",
    "expiring_within": LENGTH,
    "last_used_before": AT,
}
FIELDS: dict[str, Any] = {
    "name": "CI",
    "scopes": ["read:projects"],
    "roles": ["developer"],
    "description": "",
    "expires_in": LENGTH,
    "expires_at": AT,
    "not_before": AT,
    "allowed_ips": ["10.0.0.0/8"],
    "limits": [Limit("default", 1000, 3600)],
    "metadata": {},
}
ASK: dict[str, Any] = {"scopes": {"any": ["a"]}, "ip": "192.0.2.1", "cost": 1, "tenant": None, "environment": None}
WHO: dict[str, Any] = {"tenant": "acme", "by": "user-42"}
OWNER: dict[str, Any] = {"name": "Jo", "email": "jo@example.com", "roles": ["developer"], "admin": False}


class Shapes:
    """Takes calls by their names and notes them."""

    def __init__(self, found: list[tuple[str, tuple[Any, ...], dict[str, Any]]], path: str = "") -> None:
        self._found, self._path = found, path

    def __getattr__(self, name: str) -> Shapes:
        return Shapes(self._found, f"{self._path}.{name}".lstrip("."))

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self._found.append((self._path, args, kwargs))


def of_tenants_and_owners(tk: Any) -> None:
    tk.tenants.create("acme", name="Acme", by="root")
    for call in (tk.tenants.get, tk.tenants.update, tk.tenants.suspend, tk.tenants.resume, tk.tenants.delete):
        call("acme", by="root")
    tk.tenants.list(limit=50, cursor=None, by="root")
    tk.owners.put("user-42", **OWNER, **WHO)
    for call in (tk.owners.get, tk.owners.disable, tk.owners.enable, tk.owners.delete):
        call("user-42", **WHO)
    tk.owners.list(text="a", limit=50, cursor=None, **WHO)
    tk.scopes.define(["read:projects"], **WHO)
    tk.scopes.list(**WHO)
    tk.scopes.check(["read:projects", "no:such"], **WHO)
    tk.roles.put("developer", scopes=["read:projects"], **WHO)
    tk.roles.get("developer", **WHO)
    tk.roles.list(limit=50, cursor=None, **WHO)
    tk.roles.delete("developer", **WHO)


def of_keys(tk: Any) -> None:
    tk.keys.issue(owner="user-42", **FIELDS, environment="live", idempotency_key="i", **WHO)
    tk.keys.issue_many([{"owner": "user-42", "name": "CI"}], **WHO)
    for call in (tk.keys.get, tk.keys.limits, tk.keys.disable, tk.keys.enable, tk.keys.delete):
        call("key_1", **WHO)
    tk.keys.list(**FILTERS, limit=50, cursor=None, **WHO)
    tk.keys.expiring(within=LENGTH, owner="user-42", **WHO)
    tk.keys.find("tk_live_1", **WHO)
    tk.keys.find(kid="0123456789abcdef", **WHO)
    tk.keys.update("key_1", **FIELDS, if_version=1, **WHO)
    tk.keys.rotate("key_1", grace=timedelta(0), idempotency_key="i", **WHO)
    tk.keys.revoke("key_1", reason="", **WHO)
    tk.keys.revoke_where(**FILTERS, reason="", dry_run=True, **WHO)
    tk.keys.purge(expired_before=AT, revoked_before=AT, **WHO)


def of_verifying(tk: Any) -> None:
    for call in (tk.verify, tk.require):
        call("tk_live_1", **ASK, audience=None, offline=False)
    tk.explain("tk_live_1", **ASK, audience=None)
    tk.exchange(secret="tk_live_1", scopes=["a"], audience="b", expires_in=LENGTH)


def of_sessions(tk: Any) -> None:
    tk.sessions.start("user-42", claims={}, audience=None, scopes=None, device={}, **WHO)
    tk.sessions.refresh("tk_rt_1", access=None, tenant="acme")
    tk.sessions.revoke("ses_1", reason="", **WHO)
    tk.sessions.revoke_by_token("tk_rt_1", reason="", **WHO)
    tk.sessions.revoke_all("user-42", keep=None, reason="", **WHO)
    tk.sessions.list("user-42", **WHO)
    tk.sessions.get("ses_1", **WHO)


def of_what_happened(tk: Any) -> None:
    tk.audit.list(subject="key_1", actor="user-42", action="key.issued", limit=50, cursor=None, **WHO)
    tk.audit.check(head=None, **WHO)
    tk.audit.head(**WHO)
    tk.events.list(after=0, types=["key.issued"], limit=100, **WHO)
    tk.events.subscribe(print, types=["key.*"])
    tk.usage.get("key_1", since=AT, **WHO)
    tk.flush()
    tk.migrate()
    tk.close()
    tk.using("connection")
    tk.scoped(tenant="acme", by="user-42")
    tk.owner_loader(print)


SHAPES = [of_tenants_and_owners, of_keys, of_verifying, of_sessions, of_what_happened]


@pytest.fixture(params=[Tokenry, AsyncTokenry])
def face(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One instance of each face, whose calls are looked at and not made."""
    made = request.param("sqlite://", engine=None, keyring=None, settings=None, clock=None)
    yield made
    getattr(made, "_sync", made).close()


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_calls_that_others_rely_on_take_these_arguments(face: Any, shapes: Callable[[Any], None]) -> None:
    noted: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    shapes(Shapes(noted))
    assert noted
    for path, args, kwargs in noted:
        call = face
        for name in path.split("."):
            call = getattr(call, name)
        inspect.signature(call).bind(*args, **kwargs)
