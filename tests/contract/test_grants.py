"""Granting: nobody gives away more than they hold."""

from __future__ import annotations

from typing import Any

import pytest

from tokenry import Invalid, NotAllowed
from tokenry.types import Owner


@pytest.fixture(autouse=True)
def people(tk: Any, ada: Owner) -> None:
    """Ada is a developer, root an admin, op an operator."""
    tk.roles.put("developer", scopes=["read:*", "write:projects"])
    tk.roles.put("lead", scopes=["admin:users", "*"])
    tk.owners.put("ada", roles=["developer"])
    tk.owners.put("root", admin=True)
    tk.owners.put("op", tenant="system", admin=True)


def beyond(refused: pytest.ExceptionInfo[NotAllowed]) -> list[str]:
    listed: list[str] = refused.value.details["scopes"]
    return listed


def test_an_owner_grants_what_its_roles_hold(tk: Any) -> None:
    scopes = ["read:projects", "read:*", "write:projects", "read:a:b"]
    assert tk.keys.issue("ada", name="k", scopes=scopes, by="ada").key.scopes == tuple(scopes)


def test_what_is_beyond_ones_own_is_named_and_nothing_is_stored(tk: Any) -> None:
    with pytest.raises(NotAllowed) as refused:
        tk.keys.issue("ada", name="k", scopes=["read:a", "delete:a", "write:*", "read"], by="ada")
    assert beyond(refused) == ["delete:a", "write:*", "read"]
    assert len(tk.keys.list()) == 0


def test_only_admins_grant_everything_and_admin_scopes(tk: Any) -> None:
    tk.owners.put("ada", roles=["lead"])
    for scope in ("*", "admin:users", "admin:*", "admin"):
        with pytest.raises(NotAllowed):
            tk.keys.issue("ada", name="k", scopes=[scope], by="ada")
    assert tk.keys.issue("ada", name="anything else", scopes=["delete:all"], by="ada")
    assert tk.keys.issue("ada", name="by root", scopes=["*", "admin:users", "x"], by="root")
    operator = tk.owners.get("op", tenant="system")
    assert tk.keys.issue("ada", name="by op", scopes=["*", "admin:users"], by=operator)
    assert tk.keys.issue("ada", name="by the program", scopes=["*", "admin:users"])


def test_an_owner_passes_on_the_roles_it_has(tk: Any) -> None:
    assert tk.keys.issue("ada", name="k", roles=["developer"], by="ada")
    for role in ("lead", "undefined"):
        with pytest.raises(NotAllowed) as refused:
            tk.keys.issue("ada", name="l", roles=["developer", role], by="ada")
        assert refused.value.details["roles"] == [role]
    assert tk.keys.issue("ada", name="m", roles=["lead"], by="root")
    with pytest.raises(Invalid):
        tk.keys.issue("ada", name="n", roles=["lead", "undefined"], by="root")


def test_an_update_grants_no_more_than_an_issue(tk: Any) -> None:
    issued = tk.keys.issue("ada", name="k", scopes=["read:a"], by="ada")
    assert tk.keys.update(issued.key.id, scopes=["read:a", "read:b"], by="ada")
    for more in ({"scopes": ["read:a", "delete:a"]}, {"roles": ["lead"]}, {"scopes": ["*"]}):
        with pytest.raises(NotAllowed):
            tk.keys.update(issued.key.id, by="ada", **more)
    assert tk.keys.get(issued.key.id).scopes == ("read:a", "read:b")


def test_what_an_admin_granted_stays_when_the_owner_changes_something_else(tk: Any) -> None:
    issued = tk.keys.issue("ada", name="k", scopes=["delete:a"], roles=["lead"], by="root")
    updated = tk.keys.update(issued.key.id, scopes=["delete:a", "read:b"], description="x", by="ada")
    assert updated.scopes == ("delete:a", "read:b")
    assert tk.keys.update(issued.key.id, scopes=["read:b"], by="ada").scopes == ("read:b",)
    with pytest.raises(NotAllowed):
        tk.keys.update(issued.key.id, scopes=["delete:a"], by="ada")


def test_a_rotation_by_the_owner_keeps_what_was_granted(tk: Any) -> None:
    issued = tk.keys.issue("ada", name="k", scopes=["delete:a"], by="root")
    assert tk.verify(tk.keys.rotate(issued.key.id, by="ada").secret, scopes="delete:a")


def test_an_owner_without_roles_grants_nothing(tk: Any) -> None:
    tk.owners.put("bob")
    assert tk.keys.issue("bob", name="k", by="bob").key.scopes == ()
    with pytest.raises(NotAllowed):
        tk.keys.issue("bob", name="l", scopes=["read:a"], by="bob")


def test_a_role_that_was_narrowed_narrows_what_may_be_granted_at_once(tk: Any) -> None:
    tk.roles.put("developer", scopes=["read:a"])
    with pytest.raises(NotAllowed):
        tk.keys.issue("ada", name="k", scopes=["write:projects"], by="ada")


def test_no_admin_of_an_application_makes_an_operators_key(tk: Any) -> None:
    for by in ("root", "ada"):
        with pytest.raises(NotAllowed):
            tk.keys.issue("ada", name="k", environment="op", scopes=["tokenry:keys:read"], by=by)
        with pytest.raises(NotAllowed):
            tk.keys.issue("ada", name="k", environment="op", by=by)
    assert len(tk.keys.list()) == 0


def test_an_operators_key_grants_only_operators_scopes_it_has(tk: Any) -> None:
    scopes = ["tokenry:keys:write", "tokenry:keys:read"]
    issued = tk.keys.issue("op", name="k", tenant="system", environment="op", scopes=scopes)
    by = tk.require(issued.secret, environment="op")
    made = tk.keys.issue("op", name="l", tenant="system", environment="op", scopes=["tokenry:keys:read"], by=by)
    assert tk.require(made.secret, environment="op").scopes == ("tokenry:keys:read",)
    with pytest.raises(NotAllowed):
        tk.keys.issue("op", name="m", tenant="system", environment="op", scopes=["tokenry:tenants:write"], by=by)


def test_an_operators_key_holds_operators_scopes_only(tk: Any) -> None:
    for scopes in (["read:a"], ["tokenry:no:such"], ["*"], ["tokenry:keys"]):
        with pytest.raises(Invalid):
            tk.keys.issue("op", name="k", tenant="system", environment="op", scopes=scopes)


def test_no_role_makes_an_operators_key_more(tk: Any) -> None:
    tk.roles.put("everything", scopes=["*"], tenant="system")
    issued = tk.keys.issue("op", name="k", tenant="system", environment="op", roles=["everything"])
    by = tk.require(issued.secret, environment="op")
    assert not tk.verify(issued.secret, environment="op", scopes="tokenry:keys:read")
    with pytest.raises(NotAllowed):
        tk.owners.put("x", by=by)
    assert len(tk.keys.list(by=by)) == 0


def test_an_operator_is_made_by_operators_only(tk: Any) -> None:
    plain = tk.owners.put("plain", tenant="system")
    with pytest.raises(NotAllowed):
        tk.owners.put("plain", tenant="system", admin=True, by=plain)
    assert tk.owners.put("plain", tenant="system", admin=True, by=tk.owners.get("op", tenant="system")).admin
