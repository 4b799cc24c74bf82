"""Who may what: every kind of actor against every rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tokenry.core.actors import NOTHING, OPERATOR_SCOPES, PROGRAM, Actor, name_of
from tokenry.core.errors import Conflict, NotAllowed, NotFound
from tokenry.core.ids import make_id
from tokenry.core.scopes import granted

READ, WRITE = "tokenry:keys:read", "tokenry:keys:write"
ADA: Any = SimpleNamespace(external_id="ada")
NOBODY = Actor("nobody")
OWNER = Actor("ada", ("owner", "ada"), ADA, holds=granted(("read:*", "admin:x")))
ADMIN = Actor("ada", ("owner", "ada"), ADA, admin=True)
KEY_ID = make_id("key", 0, bytes(10))
KEY = Actor(KEY_ID, ("key", "1", KEY_ID), ADA, by_key=True, kid="kid", holds=granted(("read:*",)))
NARROW = Actor("ada", ("owner", "ada"), ADA, holds=granted(("read:*",)), within=granted(("read:a",)))


def operator(*scopes: str, everywhere: bool = False) -> Actor:
    return Actor("op", ("key", "2", "op"), ADA, operator=granted(scopes), everywhere=everywhere, by_key=True)


def grants(actor: Actor, scope: str) -> bool:
    try:
        actor.must_hold([scope])
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (PROGRAM, True),
        (ADMIN, True),
        (operator(READ), True),
        (operator(WRITE), False),
        (Actor("op", admin=True, operator=granted(())), False),
        (OWNER, False),
        (KEY, False),
        (NOBODY, False),
    ],
)
def test_the_tenant_is_open_to_admins_and_operators_with_the_scope(actor: Actor, may: bool) -> None:
    assert actor.may(READ) is may
    assert actor.sees("bob", READ) is may
    if may:
        actor.must(READ, "reading")
        actor.must_see("bob", READ, "key", "key_1", "default")
    else:
        with pytest.raises(NotAllowed, match=READ):
            actor.must(READ, "reading")
        with pytest.raises(NotFound, match="key 'key_1' does not exist in the tenant 'default'"):
            actor.must_see("bob", READ, "key", "key_1", "default")


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (PROGRAM, True),
        (operator(READ, everywhere=True), True),
        (operator(READ), False),
        (operator(WRITE, everywhere=True), False),
        (ADMIN, False),
    ],
)
def test_the_installation_is_open_to_its_own_operators(actor: Actor, may: bool) -> None:
    if may:
        actor.must_operate(READ, "reading")
        return
    with pytest.raises(NotAllowed, match="operators of the installation"):
        actor.must_operate(READ, "reading")


@pytest.mark.parametrize(
    ("actor", "here", "in_system"),
    [
        (PROGRAM, True, True),
        (ADMIN, True, False),
        (operator(*OPERATOR_SCOPES), True, False),
        (operator(*OPERATOR_SCOPES, everywhere=True), True, True),
        (operator(*OPERATOR_SCOPES[1:], everywhere=True), False, False),
        (OWNER, False, False),
    ],
)
def test_equal_to_an_administrator_is_who_may_all_that_one_may(actor: Actor, here: bool, in_system: bool) -> None:
    for tenant, may in (("acme", here), ("system", in_system)):
        if may:
            actor.must_equal_admins(tenant, "making an administrator")
            continue
        with pytest.raises(NotAllowed, match="making an administrator"):
            actor.must_equal_admins(tenant, "making an administrator")


def test_an_owner_sees_its_own_and_an_operators_key_owns_nothing() -> None:
    for actor in (OWNER, KEY, ADMIN):
        assert actor.owns("ada")
        assert not actor.owns("bob")
        assert actor.sees("ada", READ)
    assert not operator(READ).owns("ada")
    assert not NOBODY.owns("ada")
    assert not operator(WRITE).sees("ada", READ)


def test_a_key_is_itself_and_nobody_else() -> None:
    assert KEY.is_key(KEY_ID)
    assert not KEY.is_key("key_other")
    assert not Actor("x", ("owner", KEY_ID), by_key=True).is_key(KEY_ID)
    assert not Actor("x", ("key", KEY_ID)).is_key(KEY_ID)


def test_an_ordinary_key_makes_no_keys() -> None:
    for actor in (PROGRAM, ADMIN, OWNER, operator()):
        actor.must_mint()
    with pytest.raises(NotAllowed, match="a key cannot make"):
        KEY.must_mint()


@pytest.mark.parametrize(("kid", "allowed", "may"), [("k", True, True), ("", True, False), ("k", False, False)])
def test_a_key_renews_itself_where_its_tenant_lets_it(kid: str, allowed: bool, may: bool) -> None:
    tenant: Any = SimpleNamespace(self_rotation_allowed=allowed)
    if may:
        Actor("x", kid=kid).must_renew_itself(tenant)
        return
    with pytest.raises(NotAllowed, match="renew themselves"):
        Actor("x", kid=kid).must_renew_itself(tenant)


def test_only_the_newest_secret_renews_its_key() -> None:
    ends = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)

    def key(id: str, *secrets: tuple[str, datetime | None]) -> Any:
        return SimpleNamespace(id=id, secrets=[SimpleNamespace(kid=kid, ends_at=end) for kid, end in secrets])

    KEY.must_be_current(key(KEY_ID, ("kid", None), ("old", ends)))
    KEY.must_be_current(key("key_other", ("other", None)))
    for secrets in ([("new", None), ("kid", ends)], [("new", None)]):
        with pytest.raises(Conflict, match="replaced already"):
            KEY.must_be_current(key(KEY_ID, *secrets))  # type: ignore[arg-type]


def test_the_verdict_of_a_secret_that_has_ended_renews_nothing() -> None:
    KEY.must_not_be_replaced(KEY_ID)
    NOBODY.must_not_be_replaced("nobody")
    Actor(KEY_ID, kid="kid").must_not_be_replaced("key_other")
    with pytest.raises(Conflict, match="replaced already"):
        Actor(KEY_ID, kid="kid").must_not_be_replaced(KEY_ID)


GRANTS: list[tuple[Actor, dict[str, bool]]] = [
    (PROGRAM, {"read:a": True, "admin:x": True, "*": True, READ: True}),
    (ADMIN, {"read:a": True, "admin:x": True, "*": True, READ: False}),
    (OWNER, {"read:a": True, "write:a": False, "admin:x": False, "*": False, READ: False}),
    (NARROW, {"read:a": True, "read:b": False}),
    (Actor("x", within=granted(("read:a",))), {"read:a": False}),
    (operator(WRITE), {"read:a": True, "admin:x": True, WRITE: True, READ: False}),
    (operator("tokenry:roles:write"), {"read:a": True, "admin:x": False, WRITE: False}),
    (operator(READ), {"read:a": False, READ: True}),
    (NOBODY, {"read:a": False, READ: False}),
]


@pytest.mark.parametrize(("actor", "expected"), GRANTS)
def test_nobody_grants_more_than_they_hold(actor: Actor, expected: dict[str, bool]) -> None:
    assert {scope: grants(actor, scope) for scope in expected} == expected
    actor.must_hold([])


def test_every_scope_that_is_too_much_is_named() -> None:
    with pytest.raises(NotAllowed) as refused:
        OWNER.must_hold(["read:a", "write:a", "write:b"])
    assert "write:a, write:b" in str(refused.value)
    assert "read:a" not in str(refused.value)
    assert "'ada'" in str(refused.value)


def test_nothing_is_held_at_first() -> None:
    assert NOTHING.scopes == ()
    assert not NOTHING.covers("a")


@pytest.mark.parametrize(
    ("home", "external_id", "name"),
    [
        ("acme", "ada", "ada"),
        ("other", "ada", "other/ada"),
        ("acme", KEY_ID, f"acme/{KEY_ID}"),
        ("acme", "system/ada", "acme/system/ada"),
        ("acme", "acme/ada", "acme/acme/ada"),
        ("acme", "key_1", "key_1"),
        ("acme", "other/ada", "other/ada"),
    ],
)
def test_no_two_are_named_alike_in_an_audit_log(home: str, external_id: str, name: str) -> None:
    assert name_of(home, external_id, "acme") == name
