"""Who asks (`by=`): what an owner, an admin, an operator, a key and nobody in particular see and may change."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid, NotAllowed, NotFound, TokenryError, Valid
from tokenry.edge import name_refusal
from tokenry.tokenry import Groups
from tokenry.types import Issued, Owner

CALLS: dict[str, Callable[[Any, Issued, Any], Any]] = {
    "tenants.create": lambda tk, key, by: tk.tenants.create("new", **by),
    "tenants.get": lambda tk, key, by: tk.tenants.get("default", **by),
    "tenants.list": lambda tk, key, by: tk.tenants.list(**by),
    "tenants.update": lambda tk, key, by: tk.tenants.update("default", name="new", **by),
    "tenants.suspend": lambda tk, key, by: tk.tenants.suspend("default", **by),
    "tenants.resume": lambda tk, key, by: tk.tenants.resume("default", **by),
    "tenants.delete": lambda tk, key, by: tk.tenants.delete("default", **by),
    "owners.put": lambda tk, key, by: tk.owners.put("new", **by),
    "owners.get": lambda tk, key, by: tk.owners.get("ada", **by),
    "owners.list": lambda tk, key, by: tk.owners.list(**by),
    "owners.disable": lambda tk, key, by: tk.owners.disable("ada", **by),
    "owners.enable": lambda tk, key, by: tk.owners.enable("ada", **by),
    "owners.hand_over": lambda tk, key, by: tk.owners.hand_over("ada", "bob", dry_run=False, **by),
    "owners.delete": lambda tk, key, by: tk.owners.delete("ada", **by),
    "roles.put": lambda tk, key, by: tk.roles.put("new", scopes=[], **by),
    "roles.get": lambda tk, key, by: tk.roles.get("reader", **by),
    "roles.list": lambda tk, key, by: tk.roles.list(**by),
    "roles.delete": lambda tk, key, by: tk.roles.delete("reader", **by),
    "scopes.define": lambda tk, key, by: tk.scopes.define(["a"], **by),
    "scopes.list": lambda tk, key, by: tk.scopes.list(**by),
    "scopes.check": lambda tk, key, by: tk.scopes.check(["a"], **by),
    "keys.issue": lambda tk, key, by: tk.keys.issue("ada", name="new", **by),
    "exports.list": lambda tk, key, by: tk.exports.list(**by),
    "imports.run": lambda tk, key, by: tk.imports.run([RAW], **by),
    "keys.issue_many": lambda tk, key, by: tk.keys.issue_many([{"owner": "ada", "name": "new"}], **by),
    "keys.get": lambda tk, key, by: tk.keys.get(key.key.id, **by),
    "keys.list": lambda tk, key, by: tk.keys.list(**by),
    "keys.facets": lambda tk, key, by: tk.keys.facets(**by).owners,
    "keys.expiring": lambda tk, key, by: tk.keys.expiring(within=timedelta(days=365), **by),
    "keys.find": lambda tk, key, by: tk.keys.find(key.secret, **by),
    "keys.limits": lambda tk, key, by: tk.keys.limits(key.key.id, **by),
    "keys.advice": lambda tk, key, by: tk.keys.advice(key.key.id, **by),
    "keys.impact": lambda tk, key, by: tk.keys.impact(key.key.id, **by),
    "keys.explain": lambda tk, key, by: tk.keys.explain(key.key.id, **by),
    "keys.update": lambda tk, key, by: tk.keys.update(key.key.id, description="new", **by),
    "keys.disable": lambda tk, key, by: tk.keys.disable(key.key.id, **by),
    "keys.hand_over": lambda tk, key, by: tk.keys.hand_over(key.key.id, "bob", **by),
    "keys.enable": lambda tk, key, by: tk.keys.enable(key.key.id, **by),
    "keys.rotate": lambda tk, key, by: tk.keys.rotate(key.key.id, **by),
    "keys.revoke": lambda tk, key, by: tk.keys.revoke(key.key.id, **by),
    "keys.revoke_where": lambda tk, key, by: tk.keys.revoke_where(environment="live", dry_run=False, **by),
    "keys.delete": lambda tk, key, by: tk.keys.delete(key.key.id, **by),
    "keys.purge": lambda tk, key, by: tk.keys.purge(expired_before=datetime(2026, 1, 1, tzinfo=UTC), **by),
    "events.list": lambda tk, key, by: tk.events.list(**by),
    "events.latest": lambda tk, key, by: tk.events.latest(**by),
    "events.follow": lambda tk, key, by: tuple(tk.events.follow(after=0, idle=timedelta(0), **by)),
    "audit.list": lambda tk, key, by: tk.audit.list(**by),
    "audit.head": lambda tk, key, by: tk.audit.head(**by),
    "audit.check": lambda tk, key, by: tk.audit.check(**by),
    "audit.cut": lambda tk, key, by: tk.audit.cut(before=datetime(2026, 1, 1, tzinfo=UTC), **by),
    "doctor.examine": lambda tk, key, by: tk.doctor.examine(**by),
    "refusals.list": lambda tk, key, by: tk.refusals.list(**by),
    "refusals.get": lambda tk, key, by: tk.refusals.get("asked", **by),
    "usage.summary": lambda tk, key, by: tk.usage.summary(**by).groups,
    "usage.get": lambda tk, key, by: tk.usage.get(key.key.id, **by),
}
RAW = {"id": "1", "owner": "ada", "hash": {"scheme": "raw", "value": "old_0123456789abcdef"}}
NOT_OWN = ("keys.purge", "keys.hand_over")
OWN = {name for name in CALLS if name.startswith(("keys.", "refusals.", "usage.")) and name not in NOT_OWN} | {
    "owners.get"
}
OF_OPERATORS = ("audit.cut", "doctor.examine")
OF_ADMINS = {name for name in CALLS if not name.startswith("tenants.") and name not in OF_OPERATORS} | {"tenants.get"}


@pytest.fixture
def key(tk: Any, issue: Issue) -> Issued:
    """A key of ada's, who has a role, in a tenant with a bob and an admin."""
    tk.roles.put("reader", scopes=["read:a"])
    tk.owners.put("ada", roles=["reader"])
    tk.owners.put("bob")
    tk.owners.put("root", admin=True)
    issued = issue()
    tk.verify(issued.secret)
    name_refusal(tk.verify(issued.secret, scopes="no:such"), "asked")
    tk.flush()
    return issued


def outcome(tk: Any, name: str, key: Issued, **by: Any) -> str:
    """Return "ok", "nothing" for an answer that shows nothing, or the code of the error."""
    try:
        answer = CALLS[name](tk, key, by)
    except TokenryError as error:
        return error.code
    if isinstance(answer, list):  # issue_many has a result each
        return getattr(answer[0], "code", "ok")
    empty = hasattr(answer, "__len__") and not isinstance(answer, str) and len(answer) == 0
    return "nothing" if empty and name not in ("keys.limits", "usage.get", "scopes.list") else "ok"


def test_every_call_that_takes_by_is_tried_here() -> None:
    groups = Groups.__init__.__code__.co_names
    taking = {
        f"{group}.{name}"
        for group, cls in inspect.getmembers(_Classes)
        if group in groups
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if "by" in inspect.signature(method).parameters and not name.startswith("_")
    }
    assert taking == set(CALLS)


class _Classes:
    from tokenry.service.audit import Audit as audit
    from tokenry.service.doctor import Doctor as doctor
    from tokenry.service.events import Events as events
    from tokenry.service.exporting import Exports as exports
    from tokenry.service.imports import Imports as imports
    from tokenry.service.keys import Keys as keys
    from tokenry.service.owners import Owners as owners
    from tokenry.service.refusals import Refusals as refusals
    from tokenry.service.roles import Roles as roles
    from tokenry.service.roles import Scopes as scopes
    from tokenry.service.tenants import Tenants as tenants
    from tokenry.service.usage import Usage as usage


def test_by_none_is_invalid_everywhere_and_changes_nothing(tk: Any, key: Issued) -> None:
    before = len(tk.audit.list())
    for name in CALLS:
        for by in (None, 1.5, b"ada", [], {"by": "ada"}):
            assert outcome(tk, name, key, by=by) == "invalid", (name, by)
    with pytest.raises(Invalid, match="by=None is not an actor"):
        tk.scoped(by=None)
    assert tk.verify(key.secret)
    assert len(tk.audit.list()) == before


@pytest.mark.parametrize("who", ["nobody", "unknown", "", "a disabled owner", "a deleted owner", "a foreign owner"])
def test_somebody_unknown_sees_and_changes_nothing(tk: Any, key: Issued, acme: str, who: str) -> None:
    by: Any = who
    if who.startswith("a "):
        by = tk.owners.put(who, tenant=acme, admin=True) if "foreign" in who else tk.owners.put(who, admin=True)
    if "disabled" in who:
        tk.owners.disable(who)
    if "deleted" in who:
        tk.owners.delete(who)
    for name in CALLS:
        refused = {"invalid"} if who == "" else {"nothing", "not_found", "not_allowed"}
        if name in ("scopes.list", "scopes.check"):
            refused |= {"ok"}  # shows an empty catalogue
        assert outcome(tk, name, key, by=by) in refused, name
    assert tk.verify(key.secret)


def test_an_owner_reaches_its_own_keys(tk: Any, issue: Issue, key: Issued) -> None:
    for name in sorted(OWN):
        fresh = issue()
        assert outcome(tk, name, fresh, by="ada") == "ok", name
        assert outcome(tk.scoped(by="ada"), name, issue()) == "ok" or name in ("keys.issue", "keys.issue_many"), name
        if name in ("keys.issue", "keys.issue_many"):
            tk.keys.revoke_where(text="new", dry_run=False)


def test_another_owner_gets_the_answer_of_an_unknown_id(tk: Any, key: Issued) -> None:
    bob = tk.owners.get("bob")
    for name in sorted(OWN):
        for by in ("bob", bob):
            assert outcome(tk, name, key, by=by) in ("not_found", "nothing"), name
    with pytest.raises(NotFound) as foreign:
        tk.keys.get(key.key.id, by="bob")
    with pytest.raises(NotFound) as unknown:
        tk.keys.get("key_" + "0" * 22, by="bob")
    assert str(foreign.value).replace(key.key.id, "key_" + "0" * 22) == str(unknown.value)
    assert tk.verify(key.secret)


def test_an_owner_manages_nothing_but_its_keys(tk: Any, key: Issued) -> None:
    for name in sorted(set(CALLS) - OWN):
        expected = {"not_allowed", "not_found"}
        if name in ("owners.list", "roles.list", "roles.get", "scopes.list", "scopes.check"):
            expected = {"ok", "nothing"}
        assert outcome(tk, name, key, by="ada") in expected, name
    assert [owner.external_id for owner in tk.owners.list(by="ada")] == ["ada"]
    tk.roles.put("other", scopes=[])
    assert [role.name for role in tk.roles.list(by="ada")] == ["reader"]
    assert [key.owner for key in tk.keys.list(by="ada")] == ["ada"]


def test_an_admin_reaches_everything_in_its_tenant(tk: Any, issue: Issue, key: Issued) -> None:
    last = ["roles.delete", "owners.delete"]
    for name in [*sorted(OF_ADMINS - set(last)), *last]:
        fresh = issue() if name != "owners.delete" else key
        if name == "owners.disable":
            assert outcome(tk, name, fresh, by="root") == "ok"
            tk.owners.enable("ada")
        else:
            assert outcome(tk, name, fresh, by="root") == "ok", name
        tk.keys.revoke_where(text="new", dry_run=False)


def test_an_admin_is_nobody_for_the_installation_and_for_other_tenants(tk: Any, key: Issued, acme: str) -> None:
    root = tk.owners.get("root")
    for name in sorted(set(CALLS) - OF_ADMINS):
        assert outcome(tk, name, key, by=root) == "not_allowed", name
    assert len(tk.keys.list(tenant=acme, by=root)) == 0
    with pytest.raises(NotAllowed):
        tk.owners.put("x", tenant=acme, by=root)
    with pytest.raises(NotFound):
        tk.keys.issue("ada", name="k", tenant=acme, by=root)
    with pytest.raises(NotFound):
        tk.tenants.get(acme, by=root)


def test_an_operator_reaches_every_tenant(tk: Any, key: Issued, acme: str) -> None:
    operator = tk.owners.put("op", tenant="system", admin=True)
    issued = tk.keys.issue("ada", name="k", tenant=acme, by=operator)
    assert {one.tenant for one in tk.keys.list(tenant=acme, by=operator)} == {acme}
    assert tk.keys.list(by=operator).items[0].id == key.key.id
    tk.tenants.suspend(acme, by=operator)
    assert tk.verify(issued.secret).code == "tenant_suspended"
    assert len(tk.tenants.list(by=operator)) == 3
    assert {entry.actor for entry in tk.audit.list(tenant=acme, action="tenant.suspended")} == {"system/op"}


def test_an_ordinary_owner_of_the_system_tenant_is_nobody_elsewhere(tk: Any, key: Issued) -> None:
    namesake = tk.owners.put("ada", tenant="system")
    for name in sorted(OWN | {"owners.put", "roles.put", "audit.list"}):
        assert outcome(tk, name, key, by=namesake) in ("not_found", "not_allowed", "nothing"), name
    assert tk.verify(key.secret)


def test_an_operators_key_may_what_its_scopes_say(tk: Any, key: Issued, acme: str) -> None:
    tk.owners.put("op", tenant="system", admin=True)
    reading = tk.keys.issue("op", name="r", tenant="system", environment="op", scopes=["tokenry:keys:read"])
    by = tk.require(reading.secret, environment="op")
    for tenant in ("default", acme):
        assert tk.keys.list(tenant=tenant, by=by) is not None
        for call in (tk.owners.put, tk.owners.disable):
            with pytest.raises(NotAllowed):
                call("ada", tenant=tenant, by=by)
    assert tk.keys.get(key.key.id, by=by).id == key.key.id
    for name in ("keys.revoke", "keys.update", "keys.rotate", "keys.delete", "keys.issue", "keys.disable"):
        assert outcome(tk, name, key, by=by) in ("not_found", "not_allowed"), name
    assert tk.verify(key.secret)


def test_an_operators_key_of_a_tenant_ends_at_its_tenant(tk: Any, key: Issued, acme: str) -> None:
    scopes = ["tokenry:keys:read", "tokenry:keys:write", "tokenry:owners:write"]
    own = tk.keys.issue("ada", name="op", tenant=acme, environment="op", scopes=scopes)
    by = tk.require(own.secret, environment="op")
    assert tk.keys.issue("ada", name="made", tenant=acme, by=by)
    for name in ("keys.get", "keys.revoke", "keys.issue", "keys.list", "owners.put", "tenants.create"):
        assert outcome(tk, name, key, by=by) in ("not_found", "not_allowed", "nothing"), name
    assert tk.verify(key.secret)


def test_an_ordinary_key_acts_as_its_owner_and_makes_no_secrets(tk: Any, key: Issued, acme: str) -> None:
    by = tk.require(key.secret)
    assert isinstance(by, Valid)
    assert tk.keys.get(key.key.id, by=by).id == key.key.id
    for name in ("keys.issue", "keys.issue_many", "keys.rotate"):
        assert outcome(tk, name, key, by=by) == "not_allowed", name
    for name in ("owners.put", "roles.put", "audit.list", "keys.purge"):
        assert outcome(tk, name, key, by=by) == "not_allowed", name
    assert len(tk.keys.list(tenant=acme, by=by)) == 0
    assert tk.keys.revoke(key.key.id, by=by).status == "revoked"
    assert [entry.actor for entry in tk.audit.list(action="key.revoked")] == [key.key.id]


def test_an_ordinary_key_cannot_widen_itself_or_another(tk: Any, key: Issued, issue: Issue) -> None:
    by = tk.require(key.secret)
    for one in (key, issue()):
        for more in ({"scopes": ["read:a"]}, {"roles": ["reader"]}):
            with pytest.raises(NotAllowed):
                tk.keys.update(one.key.id, by=by, **more)


def test_scoped_sets_defaults_that_a_call_may_override(tk: Any, key: Issued, acme: str) -> None:
    there = tk.scoped(tenant=acme, by="ada", ip="192.0.2.1", request_id="r-1")
    issued = there.keys.issue("ada", name="k")
    assert issued.key.tenant == acme
    [entry] = tk.audit.list(tenant=acme, action="key.issued")
    assert (entry.actor, entry.ip, entry.request_id) == ("ada", "192.0.2.1", "r-1")
    assert there.keys.get(key.key.id, tenant="default").id == key.key.id
    assert there.scoped(tenant="default").keys.list(by="bob").items == ()
    with pytest.raises(NotFound):
        there.keys.get(issued.key.id, by="bob")
    with pytest.raises(NotAllowed):
        there.audit.list()


def test_an_actor_may_be_a_number(tk: Any) -> None:
    tk.owners.put(42)
    issued = tk.keys.issue(42, name="k", by=42)
    assert tk.keys.get(issued.key.id, by="42").owner == "42"
    with pytest.raises(NotFound):
        tk.keys.get(issued.key.id, by=43)


def test_an_owners_record_from_before_its_change_gives_nothing_more(tk: Any, key: Issued) -> None:
    was_admin: Owner = tk.owners.get("root")
    tk.owners.put("root", admin=False)
    with pytest.raises(NotFound):
        tk.keys.get(key.key.id, by=was_admin)
