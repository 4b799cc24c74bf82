"""What an actor can never be made into: more than it is, somebody else of the same name, or somebody gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, NotAllowed, NotFound
from tokenry.types import Owner

OPERATOR_SCOPES = ["tokenry:owners:read", "tokenry:owners:write", "tokenry:keys:read", "tokenry:keys:write"]


@pytest.fixture
def operator(tk: Any) -> Owner:
    """An administrator of the operators' tenant."""
    made: Owner = tk.owners.put("op", tenant="system", admin=True)
    return made


def operator_verdict(tk: Any, scopes: list[str], name: str = "partial") -> Any:
    """Return the verdict of an operator's key with some scopes."""
    issued = tk.keys.issue("op", name=name, tenant="system", environment="op", scopes=scopes)
    return tk.require(issued.secret, environment="op")


def test_an_ordinary_key_of_an_admin_is_no_admin(tk: Any, issue: Issue) -> None:
    tk.owners.put("boss", admin=True)
    tk.roles.put("dev", scopes=["read:x"])
    made = tk.keys.issue("boss", name="ro", roles=["dev"], scopes=["a"])
    hers, by = issue(), tk.require(made.secret)
    for call in (
        lambda: tk.roles.put("dev", scopes=["*"], by=by),
        lambda: tk.roles.delete("dev", by=by),
        lambda: tk.owners.put("evil", admin=True, by=by),
        lambda: tk.owners.disable("ada", by=by),
        lambda: tk.scopes.define(["a"], by=by),
        lambda: tk.audit.list(by=by),
        lambda: tk.events.list(by=by),
    ):
        with pytest.raises(NotAllowed):
            call()
    for foreign in (tk.keys.get, tk.keys.revoke, tk.keys.disable, tk.keys.delete, tk.usage.get):
        with pytest.raises(NotFound):
            foreign(hers.key.id, by=by)
    assert [key.owner for key in tk.keys.list(by=by)] == ["boss"]
    assert tk.keys.revoke_where(environment="live", by=by).revoked_count == 1
    assert tk.verify(made.secret, scopes=["delete:all"]).code == "insufficient_scope"
    assert tk.verify(hers.secret)


def test_an_ordinary_key_reads_and_ends_its_owners_keys_and_changes_none(tk: Any, issue: Issue) -> None:
    acting, other = issue(), issue()
    by = tk.require(acting.secret)
    assert tk.keys.get(other.key.id, by=by) == other.key
    for call in (
        lambda: tk.keys.update(other.key.id, description="x", by=by),
        lambda: tk.keys.rotate(other.key.id, by=by),
        lambda: tk.keys.enable(other.key.id, by=by),
        lambda: tk.keys.delete(other.key.id, by=by),
        lambda: tk.keys.issue("ada", name="more", by=by),
    ):
        with pytest.raises(NotAllowed):
            call()
    assert tk.keys.disable(other.key.id, by=by).status == "disabled"
    assert tk.keys.revoke(other.key.id, by=by).status == "revoked"


def test_a_text_names_an_owner_of_the_tenant_in_use_and_no_operator(tk: Any, acme: str, operator: Owner) -> None:
    tk.owners.put("op", tenant=acme, admin=True)
    for asking in (tk.scoped(by="op"), tk.scoped(tenant=acme, by="op")):
        for call in (
            lambda asking=asking: asking.tenants.create("new"),
            lambda asking=asking: asking.tenants.list(),
            lambda asking=asking: asking.tenants.suspend(acme),
        ):
            with pytest.raises(NotAllowed):
                call()
    with pytest.raises(NotFound):
        tk.scoped(tenant=acme, by="op").tenants.get("default")
    assert tk.scoped(tenant=acme, by="op").tenants.get(acme).slug == acme


def test_an_operator_comes_as_a_record_a_verdict_or_a_text_of_its_tenant(tk: Any, operator: Owner) -> None:
    assert tk.tenants.create("one", by=operator).slug == "one"
    by = operator_verdict(tk, ["tokenry:tenants:write"])
    assert tk.tenants.create("two", by=by).slug == "two"
    assert tk.scoped(tenant="system", by="op").tenants.create("three").slug == "three"
    assert tk.keys.list(tenant="system", by="op").items


@pytest.mark.parametrize("scope", ["*", "*:users", "*:*", "admin:users", "admin:*", "admin"])
def test_only_admins_grant_what_covers_an_admin_scope(tk: Any, issue: Issue, scope: str) -> None:
    tk.roles.put("wide", scopes=["read:a", scope])
    tk.owners.put("ada", roles=["wide"])
    tk.owners.put("root", admin=True)
    plain = issue()
    for grant in ({"scopes": [scope]}, {"roles": ["wide"]}):
        with pytest.raises(NotAllowed):
            tk.keys.issue("ada", name="k", by="ada", **grant)
        with pytest.raises(NotAllowed):
            tk.keys.update(plain.key.id, by="ada", **grant)
        assert tk.keys.issue("ada", name=str(grant), by="root", **grant)
    assert tk.keys.issue("ada", name="k", scopes=["read:a"], by="ada")


def test_an_operators_key_makes_an_operator_only_with_every_scope(tk: Any, operator: Owner) -> None:
    by = operator_verdict(tk, OPERATOR_SCOPES)
    with pytest.raises(NotAllowed):
        tk.owners.put("mine", admin=True, tenant="system", by=by)
    assert not tk.owners.put("mine", tenant="system", by=by).admin
    with pytest.raises(NotAllowed):
        tk.owners.put("mine", admin=True, tenant="system", by=by)
    tk.owners.put("gone", admin=True, tenant="system")
    tk.owners.disable("gone", tenant="system", by=by)
    with pytest.raises(NotAllowed):
        tk.owners.enable("gone", tenant="system", by=by)
    assert tk.owners.enable("gone", tenant="system", by=operator).status == "active"
    assert tk.owners.put("mine", admin=True, tenant="system", by=operator).admin


def test_an_operators_key_renews_no_operators_key_that_may_more(tk: Any, operator: Owner) -> None:
    full = tk.keys.issue("op", name="full", tenant="system", environment="op", scopes=["tokenry:tenants:write"])
    by = operator_verdict(tk, ["tokenry:keys:read", "tokenry:keys:write"])
    with pytest.raises(NotAllowed):
        tk.keys.rotate(full.key.id, tenant="system", by=by)
    assert tk.verify(full.secret, environment="op")
    assert tk.keys.rotate(full.key.id, tenant="system", by=operator)


def test_a_namesake_of_another_tenant_repeats_no_call(tk: Any, acme: str, operator: Owner) -> None:
    tk.owners.put("op", tenant=acme, admin=True)
    first = tk.keys.issue("ada", name="k", tenant=acme, by=operator, idempotency_key="1")
    with pytest.raises(Conflict):
        tk.keys.issue("ada", name="k", tenant=acme, by="op", idempotency_key="1")
    again = tk.keys.issue("ada", name="k", tenant=acme, by=operator, idempotency_key="1")
    assert str(again.secret) == str(first.secret)


def test_who_is_disabled_deleted_or_demoted_gets_no_answer_again(tk: Any, ada: Owner) -> None:
    tk.owners.put("root", admin=True)
    tk.keys.issue("ada", name="a", by="ada", idempotency_key="1")
    tk.keys.issue("ada", name="b", by="root", idempotency_key="1")
    tk.owners.put("root", admin=False)
    with pytest.raises(NotFound):
        tk.keys.issue("ada", name="b", by="root", idempotency_key="1")
    tk.owners.disable("ada")
    with pytest.raises(NotFound):
        tk.keys.issue("ada", name="a", by="ada", idempotency_key="1")
    tk.owners.delete("ada")
    tk.owners.put("ada")
    assert tk.verify(tk.keys.issue("ada", name="a", by="ada", idempotency_key="1").secret)  # a new call of somebody new


def test_the_audit_log_names_actors_so_that_none_can_be_taken_for_another(
    tk: Any, issue: Issue, acme: str, operator: Owner
) -> None:
    key = issue()
    for external_id in ("root", key.key.id, "system/op", "default/root", "org/root", "key_master"):
        tk.owners.put(external_id, admin=True)
        tk.roles.put("r", scopes=[external_id[:3].lower()], by=external_id)
        tk.roles.delete("r", by=external_id)
    tk.keys.revoke(key.key.id, by=tk.require(key.secret))
    tk.owners.put("x", by=operator)
    names = list(dict.fromkeys(entry.actor for entry in reversed(tk.audit.list(limit=100).items)))
    assert names == [
        "", "root", f"default/{key.key.id}", "default/system/op", "default/default/root", "org/root", "key_master",
        key.key.id, "system/op",
    ]  # fmt: skip
    assert {event.actor for event in tk.events.list()} == set(names)
    tk.owners.put("x", tenant="system", by="op")
    assert tk.audit.list(tenant="system").items[0].actor == "op"


def test_an_owner_that_only_the_host_knows_acts_for_itself(tk: Any) -> None:
    users: dict[str, Any] = {"hosted": {"roles": ["dev"]}, "chief": {"admin": True}}
    tk.roles.put("dev", scopes=["read:x"])
    tk.owner_loader(lambda external_id, tenant: users.get(external_id))
    assert tk.owners.list(by="hosted").items == tk.keys.list(by="hosted").items == ()
    assert [role.name for role in tk.roles.list(by="hosted")] == ["dev"]
    first = tk.keys.issue("hosted", name="k", scopes=["read:x"], by="hosted", idempotency_key="1")
    assert tk.keys.issue("hosted", name="k", scopes=["read:x"], by="hosted", idempotency_key="1") == first
    with pytest.raises(NotAllowed):
        tk.keys.issue("hosted", name="w", scopes=["write:x"], by="hosted")
    assert tk.owners.put("new", by="chief").external_id == "new"
    for nobody in ("stranger", "chief"):
        users.pop(nobody, None)
        with pytest.raises(NotAllowed):
            tk.owners.put("newer", by=nobody)


def test_no_host_says_who_operates_the_installation(tk: Any, operator: Owner) -> None:
    tk.owner_loader(lambda external_id, tenant: {"admin": True})
    tk.owners.delete("op", tenant="system")
    with pytest.raises(NotAllowed):
        tk.tenants.list(by=operator)


def test_a_stranger_is_told_of_a_scope_what_everybody_is_told(tk: Any) -> None:
    tk.scopes.define(["read:x"])
    assert not tk.scopes.check(["no:such"], by="stranger")
    assert tk.scopes.check(["read:x"], by="stranger")
    assert tk.scopes.list(by="stranger") == ()
