"""Nobody gives what they do not have: whatever an actor does, no credential comes of it that may do more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tokenry import NotAllowed, NotFound
from tokenry.testing import FakeClock
from tokenry.types import OPERATOR_SCOPES, Issued, Valid

pytestmark = pytest.mark.rules

MINUTE = timedelta(minutes=1)
Operator = Callable[..., Any]


def operator_key(tk: Any, *scopes: str, tenant: str = "default") -> Issued:
    """Return a new operator's key with some scopes, of an owner who is nobody in particular."""
    tk.owners.put("machine", tenant=tenant)
    held = [f"tokenry:{scope}" for scope in scopes]
    name = f"operator {len(tk.keys.list(tenant=tenant))}"
    issued: Issued = tk.keys.issue("machine", name=name, tenant=tenant, environment="op", scopes=held)
    return issued


def operator(tk: Any, *scopes: str, tenant: str = "default") -> Valid:
    """Return the verdict of a new operator's key with some scopes."""
    verdict: Valid = tk.require(operator_key(tk, *scopes, tenant=tenant).secret, environment="op")
    return verdict


@pytest.fixture(autouse=True)
def people(tk: Any) -> None:
    """Ada is a developer, lee leads, root is an administrator of `default` and op one of the installation."""
    tk.roles.put("developer", scopes=["read:*"])
    tk.roles.put("lead", scopes=["admin:users", "*"])
    tk.owners.put("ada", roles=["developer"])
    tk.owners.put("lee", roles=["lead"])
    tk.owners.put("root", admin=True)
    tk.owners.put("op", tenant="system", admin=True)


@pytest.mark.parametrize("home", ["default", "system"])
def test_who_only_signs_owners_in_signs_in_ordinary_ones(tk: Any, home: str) -> None:
    by = operator(tk, "sessions:write", tenant=home)
    started = tk.sessions.start("ada", by=by)
    assert tk.verify(started.access, scopes=["read:x"])
    for owner in ("root", "lee"):
        for given in ({}, {"scopes": ["read:x"]}, {"scopes": []}):
            with pytest.raises(NotAllowed):
                tk.sessions.start(owner, by=by, **given)
    assert len(tk.sessions.list()) == 1


def test_who_only_signs_owners_in_becomes_no_operator(tk: Any) -> None:
    by = operator(tk, "sessions:write", tenant="system")
    with pytest.raises(NotAllowed):
        tk.sessions.start("op", tenant="system", by=by)
    with pytest.raises(NotAllowed):
        tk.sessions.start("op", scopes=[], tenant="system", by=by)


@pytest.mark.parametrize("home", ["default", "system"])
def test_an_administrator_is_signed_in_and_made_with_every_operators_scope(tk: Any, home: str) -> None:
    every = [scope.removeprefix("tokenry:") for scope in OPERATOR_SCOPES]
    for missing in every:
        by = operator(tk, *(scope for scope in every if scope != missing), tenant=home)
        with pytest.raises(NotFound if missing == "sessions:write" else NotAllowed):
            tk.sessions.start("root", by=by)
        with pytest.raises(NotAllowed):
            tk.owners.put("ada", admin=True, by=by)
    by = operator(tk, *every, tenant=home)
    assert tk.sessions.start("root", by=by)
    assert tk.owners.put("ada", admin=True, by=by).admin
    assert tk.sessions.start("ada", by="root")
    assert tk.sessions.start("root")


def test_a_session_gets_no_scopes_that_its_owner_and_its_starter_lack(tk: Any) -> None:
    by = operator(tk, "sessions:write")
    assert tk.sessions.start("ada", scopes=["read:x"], by=by).scopes == ("read:x",)
    for scope in ("write:x", "*", "admin:users", "read"):
        with pytest.raises(NotAllowed) as refused:
            tk.sessions.start("ada", scopes=["read:x", scope], by=by)
        assert refused.value.details["scopes"] == [scope]
    assert tk.sessions.start("ada", scopes=["*"], by=operator(tk, "sessions:write", "keys:write"))


def test_who_only_manages_owners_gives_no_more_than_they_might_grant(tk: Any) -> None:
    by = operator(tk, "owners:read", "owners:write")
    for given in ({"admin": True}, {"roles": ["lead"]}, {"roles": ["developer", "lead"]}):
        for owner in ("ada", "new"):
            with pytest.raises(NotAllowed):
                tk.owners.put(owner, by=by, **given)
    assert tk.owners.put("new", name="New", by=by).roles == ()
    assert tk.owners.put("ada", name="Ada", roles=["developer"], by=by).name == "Ada"  # has the role already
    assert tk.owners.put("root", name="Root", admin=True, by=by).admin  # is one already
    assert tk.owners.put("lee", roles=[], by=by).roles == ()


def test_roles_are_given_by_who_says_what_they_hold_or_may_grant_it(tk: Any) -> None:
    roles = operator(tk, "owners:write", "roles:write")
    keys = operator(tk, "owners:write", "keys:write")
    for by in (roles, keys):
        assert tk.owners.put("new", roles=["developer"], by=by).roles == ("developer",)
        tk.owners.put("new", roles=[])
    with pytest.raises(NotAllowed):
        tk.owners.put("new", roles=["lead"], by=roles)
    assert tk.owners.put("new", roles=["lead"], by=keys).roles == ("lead",)


def test_a_role_is_given_by_who_may_grant_its_scopes_even_where_another_role_covers_them(tk: Any) -> None:
    tk.roles.put("auditor", scopes=["admin:audit"])
    tk.roles.put("reader", scopes=["read:x"])
    for by, owner, role in ((operator(tk, "owners:write", "roles:write"), "lee", "auditor"),
                            (operator(tk, "owners:write"), "ada", "reader")):  # fmt: skip
        before = tk.owners.get(owner).roles
        with pytest.raises(NotAllowed):
            tk.owners.put(owner, roles=[*before, role], by=by)
        able = operator(tk, "owners:write", "keys:write")
        assert tk.owners.put(owner, roles=[*before, role], by=able).roles == (*before, role)


def test_a_role_is_widened_by_no_more_than_one_may_grant(tk: Any) -> None:
    by = operator(tk, "roles:write")
    assert tk.roles.put("developer", scopes=["read:*", "write:x"], by=by)
    for scope in ("*", "admin:users", "*:users"):
        for role in ("developer", "new"):
            with pytest.raises(NotAllowed):
                tk.roles.put(role, scopes=["read:*", scope], by=by)
    assert tk.roles.put("lead", scopes=["admin:audit", "read:x"], by=by)  # all of it was covered by `*`
    assert tk.roles.put("lead", scopes=["admin:audit", "write:x"], by=by)
    assert tk.roles.put("developer", scopes=["*"], by=operator(tk, "roles:write", "keys:write"))


def test_only_an_administrators_equal_enables_it(tk: Any) -> None:
    by = operator(tk, "owners:read", "owners:write")
    for owner in ("ada", "root", "lee"):
        tk.owners.disable(owner, by=by)
    assert tk.owners.enable("ada", by=by).status == "active"
    for owner in ("root", "lee"):
        with pytest.raises(NotAllowed):
            tk.owners.enable(owner, by=by)


def test_a_promotion_ends_the_sessions_that_were_there_before(tk: Any) -> None:
    started = tk.sessions.start("ada", by=operator(tk, "sessions:write"))
    kept = tk.require(started.access)
    tk.owners.put("ada", admin=True)
    assert tk.verify(started.access).code == "revoked"
    assert tk.sessions.refresh(started.refresh).code == "revoked"
    with pytest.raises(NotAllowed):
        tk.owners.put("x", by=kept)
    again = tk.sessions.start("ada")
    tk.owners.put("ada", admin=True)
    assert tk.owners.put("x", by=tk.require(again.access))


def test_a_role_for_administrators_ends_the_sessions_that_were_there_before(tk: Any) -> None:
    started = tk.sessions.start("ada", by=operator(tk, "sessions:write"))
    tk.owners.put("ada", roles=["developer", "lead"], by="root")
    assert tk.sessions.refresh(started.refresh).code == "revoked"
    mine = tk.sessions.start("lee")
    tk.owners.put("lee", roles=["lead", "developer"])
    assert tk.sessions.refresh(mine.refresh), "an ordinary role ends nothing"


def test_a_role_that_becomes_one_for_administrators_ends_the_sessions_of_its_owners(tk: Any) -> None:
    started = tk.sessions.start("ada", by=operator(tk, "sessions:write"))
    tk.roles.put("Developer", scopes=["admin:users"])
    tk.roles.put("developer", scopes=["read:*", "write:x"])
    pair = tk.sessions.refresh(started.refresh)
    assert pair, "neither another role nor an ordinary scope ends a session"
    tk.roles.put("developer", scopes=["read:*", "admin:users"], by="root")
    assert tk.verify(pair.access).code == "revoked"
    assert tk.sessions.refresh(pair.refresh).code == "revoked"


def test_a_session_that_somebody_else_started_loosens_no_key_that_only_administrators_grant(tk: Any) -> None:
    key = tk.keys.issue("ada", name="all", scopes=["*"], allowed_ips=["192.0.2.1"]).key
    by = tk.require(tk.sessions.start("ada", by=operator(tk, "sessions:write")).access)
    for given in ({"allowed_ips": []}, {"expires_in": timedelta(days=100)}, {"limits": []}, {"max_idle": None}):
        with pytest.raises(NotAllowed):
            tk.keys.update(key.id, by=by, **given)
    tk.keys.update(key.id, description="mine", by=by)
    tk.keys.disable(key.id, by=by)
    with pytest.raises(NotAllowed):
        tk.keys.enable(key.id, by=by)


def test_nobody_gets_the_secret_of_a_key_that_holds_what_they_may_not_grant(tk: Any) -> None:
    tk.owners.put("ada", roles=["developer"])
    session = tk.require(tk.sessions.start("ada", by=operator(tk, "sessions:write")).access)
    wide = tk.keys.issue("ada", name="wide", scopes=["*"])
    by_role = tk.keys.issue("ada", name="by role", roles=["lead"])
    operates = tk.keys.issue("ada", name="op", environment="op", scopes=["tokenry:tenants:write"])
    for key in (wide, by_role, operates):
        for by in (session, "ada"):
            with pytest.raises(NotAllowed):
                tk.keys.rotate(key.key.id, by=by)
    assert tk.keys.rotate(wide.key.id, by="root")
    plain = tk.keys.issue("ada", name="plain", scopes=["delete:x"])
    assert tk.keys.rotate(plain.key.id, by=session)


def test_an_operators_key_is_changed_and_enabled_by_who_holds_all_it_may(tk: Any) -> None:
    strong = operator_key(tk, "owners:write", "keys:read")
    by = operator(tk, "keys:read", "keys:write")
    for call in (
        lambda by: tk.keys.update(strong.key.id, expires_in=timedelta(days=100), by=by),
        lambda by: tk.keys.update(strong.key.id, allowed_ips=[], by=by),
        lambda by: tk.keys.enable(strong.key.id, by=by),
        lambda by: tk.keys.rotate(strong.key.id, by=by),
    ):
        for actor in (by, "machine", "root"):
            with pytest.raises(NotAllowed):
                call(actor)
        assert call(operator(tk, "keys:read", "keys:write", "owners:write"))
    assert tk.keys.disable(strong.key.id, by=by).status == "disabled"
    assert tk.keys.revoke(strong.key.id, by=by).status == "revoked"


def test_a_repeat_is_checked_as_its_actor_is_now(tk: Any) -> None:
    wide, narrow = ["keys:read", "keys:write", "owners:write"], ["tokenry:keys:read", "tokenry:keys:write"]
    key = operator_key(tk, *wide)
    by = tk.require(key.secret, environment="op")
    asked: dict[str, Any] = {"name": "made", "environment": "op", "scopes": ["tokenry:owners:write"]}
    first = tk.keys.issue("machine", **asked, by=by, idempotency_key="1")
    assert tk.keys.issue("machine", **asked, by=by, idempotency_key="1") == first
    tk.keys.rotate(first.key.id, by=by, idempotency_key="1")
    tk.keys.update(key.key.id, scopes=narrow)
    for repeat in (
        lambda: tk.keys.issue("machine", **asked, by=by, idempotency_key="1"),
        lambda: tk.keys.rotate(first.key.id, by=by, idempotency_key="1"),
    ):
        with pytest.raises(NotAllowed):
            repeat()


def test_a_repeat_gives_no_secret_that_was_widened_since(tk: Any) -> None:
    first = tk.keys.issue("ada", name="k", scopes=["read:x"], by="ada", idempotency_key="1")
    tk.keys.update(first.key.id, scopes=["admin:users"])
    with pytest.raises(NotAllowed):
        tk.keys.issue("ada", name="k", scopes=["read:x"], by="ada", idempotency_key="1")


def test_a_demoted_administrator_repeats_nothing_wide_for_itself(tk: Any) -> None:
    tk.keys.issue("root", name="k", scopes=["*"], by="root", idempotency_key="1")
    tk.owners.put("root", admin=False)
    with pytest.raises(NotAllowed):
        tk.keys.issue("root", name="k", scopes=["*"], by="root", idempotency_key="1")


@pytest.mark.parametrize("scopes", [("verify",), ("keys:read", "keys:write"), ("keys:write",)])
def test_an_operators_key_repeats_its_own_rotation(tk: Any, scopes: tuple[str, ...]) -> None:
    tk.tenants.update("default", self_rotation_allowed=True)
    key = operator_key(tk, *scopes)
    by = tk.require(key.secret, environment="op")
    lost = tk.keys.rotate(key.key.id, grace=MINUTE, by=by, idempotency_key="1")
    for secret in (key.secret, lost.secret):
        again = tk.keys.rotate(key.key.id, grace=MINUTE, by=tk.require(secret, environment="op"), idempotency_key="1")
        assert again == lost


def test_the_verdict_of_a_secret_that_was_replaced_is_nobody(tk: Any, clock: FakeClock) -> None:
    key = operator_key(tk, "owners:write", "keys:read", "keys:write")
    kept = tk.require(key.secret, environment="op")
    token = tk.require(tk.exchange(key.secret, environment="op").access, environment="op")
    tk.keys.rotate(key.key.id, grace=MINUTE)
    assert tk.owners.put("x", name="1", by=kept)
    assert tk.owners.put("x", name="2", by=token)
    clock.advance(MINUTE)
    for by in (kept, token):
        with pytest.raises(NotAllowed):
            tk.owners.put("x", name="3", by=by)
    issued = tk.keys.issue("ada", name="k")
    kept = tk.require(issued.secret)
    tk.keys.rotate(issued.key.id)
    with pytest.raises(NotFound):
        tk.keys.revoke(issued.key.id, by=kept)


def test_the_verdict_of_a_token_that_has_expired_is_nobody(tk: Any, clock: FakeClock) -> None:
    session = tk.require(tk.sessions.start("root").access)
    key = operator_key(tk, "owners:write")
    token = tk.require(tk.exchange(key.secret, environment="op").access, environment="op")
    for by in (session, token):
        assert tk.owners.put("x", by=by)
    clock.advance(timedelta(minutes=5))
    for by in (session, token):
        with pytest.raises(NotAllowed):
            tk.owners.put("x", name="y", by=by)


@pytest.mark.parametrize("scopes", [("owners:read",), ("owners:read", "owners:write", "keys:write", "sessions:write")])
@pytest.mark.parametrize("home", ["default", "system"])
def test_naming_an_owner_shows_nothing_more_than_asking_of_all(tk: Any, home: str, scopes: tuple[str, ...]) -> None:
    tk.keys.issue("ada", name="k", expires_in=timedelta(days=3))
    tk.sessions.start("ada")
    by = operator(tk, *scopes, tenant=home)
    for call in (
        lambda **of: tk.keys.list(by=by, **of),
        lambda **of: tk.keys.expiring(within=timedelta(days=9), by=by, **of),
        lambda **of: tk.keys.revoke_where(status="active", by=by, **of),
        lambda **of: tk.keys.revoke_where(status="active", dry_run=False, by=by, **of),
        lambda **of: tk.sessions.list(by=by, **of),
    ):
        assert len(call()) == 0
        for owner in ("ada", "nobody"):
            with pytest.raises(NotFound) as refused:
                call(owner=owner)
            assert str(refused.value) == f"owner {owner!r} does not exist in the tenant 'default'"
    assert len(tk.keys.list(status="active", owner="ada")) == 1


def test_what_belongs_to_an_owner_is_seen_with_the_scope_for_it_alone(tk: Any) -> None:
    issued, started = tk.keys.issue("ada", name="k"), tk.sessions.start("ada")
    keys, sessions = operator(tk, "keys:read"), operator(tk, "sessions:read")
    assert [key.id for key in tk.keys.list(owner="ada", by=keys)] == [issued.key.id]
    assert [one.id for one in tk.sessions.list("ada", by=sessions)] == [started.session.id]
    for call in (lambda: tk.sessions.list("ada", by=keys), lambda: tk.keys.list(owner="ada", by=sessions)):
        with pytest.raises(NotFound):
            call()
    assert tk.sessions.revoke_all("ada", by=operator(tk, "sessions:write")) == (started.session.id,)
    assert tk.owners.disable("ada", by=operator(tk, "owners:write")).status == "disabled"
    assert tk.owners.enable("ada", by=operator(tk, "owners:write")).status == "active"
    assert tk.owners.delete("ada", by=operator(tk, "owners:write")) is None


def test_a_session_of_an_operator_is_not_its_namesake(tk: Any) -> None:
    tk.owners.put("op", name="somebody else")
    theirs = tk.sessions.start("op")
    narrow = tk.require(tk.sessions.start("op", scopes=["read:x"], tenant="system").access)
    assert tk.sessions.list(by=narrow).items == tk.owners.list(by=narrow).items == tk.keys.list(by=narrow).items == ()
    for call in (
        lambda: tk.owners.get("op", by=narrow),
        lambda: tk.sessions.get(theirs.session.id, by=narrow),
        lambda: tk.sessions.revoke(theirs.session.id, by=narrow),
        lambda: tk.sessions.revoke_all("op", by=narrow),
    ):
        with pytest.raises(NotFound):
            call()
