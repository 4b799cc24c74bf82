"""Scopes: what is granted, what is asked, and the catalogue that says what may be granted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid, NotFound

QUESTIONS: list[tuple[list[str], Any, bool]] = [
    (["read:projects"], "read:projects", True),
    (["read:projects"], "read:project", False),
    (["read:projects"], "read", False),
    (["read:*"], "read:projects", True),
    (["read:*"], "read:projects:names", True),
    (["read:*"], "read", False),
    (["*"], "anything:at:all", True),
    (["*:projects"], "read:projects", True),
    (["*:projects"], "read:projects:names", False),
    (["a:*:c"], "a:b:c", True),
    (["a:*:c"], "a:b:d", False),
    (["read:projects"], "read:*", False),
    (["read:*"], "read:*", True),
    (["*"], "*", True),
    (["read"], "read", True),
    (["a", "b"], ["a", "b"], True),
    (["a"], ["a", "b"], False),
    (["a"], {"all": ["a", "b"]}, False),
    (["a"], {"any": ["a", "b"]}, True),
    (["c"], {"any": ["a", "b"]}, False),
    (["a", "d"], {"all": ["a", {"any": ["c", "d"]}]}, True),
    (["a"], {"all": ["a", {"any": ["c", "d"]}]}, False),
    (["a"], [{"any": ["a", "b"]}], True),
    (["a"], ("a",), True),
    ([], "a", False),
    ([], None, True),
    ([], [], True),
    (["*"], "tokenry:keys:read", False),
    (["*:keys:read"], "tokenry:keys:read", False),
]
BAD_SCOPES = ["", "A:b", "a::b", ":a", "a:", "a b", "a:b*", "ä", "a:" * 32 + "a", None, 7, "tokenry:*"]
BAD_ROLES = ["", " ", "a b", "a" * 65, 'a"b', "ä", None, 7]


def test_a_verification_asks_for_scopes(tk: Any, issue: Issue) -> None:
    for granted, ask, allowed in QUESTIONS:
        issued = issue(scopes=granted)
        for _ in ("looked up", "remembered"):
            code = tk.verify(issued.secret, scopes=ask).code
            assert code == ("valid" if allowed else "insufficient_scope"), (granted, ask)


def test_scopes_are_kept_once_each_and_in_input_order(issue: Issue) -> None:
    assert issue(scopes=["b", "a", "b", "c:d"]).key.scopes == ("b", "a", "c:d")


def test_a_malformed_scope_is_refused_by_name(tk: Any, issue: Issue) -> None:
    for scope in BAD_SCOPES:
        with pytest.raises(Invalid) as refused:
            issue(scopes=["fine", scope])
        assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "bad_scope")], scope
        assert str(scope) in str(refused.value)
    assert len(tk.keys.list()) == 0


def test_an_operators_scope_needs_an_operators_key(tk: Any, issue: Issue) -> None:
    with pytest.raises(Invalid) as refused:
        issue(scopes=["tokenry:keys:read"])
    assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "operator_scope")]


def test_a_key_holds_the_scopes_of_its_roles_as_they_are_now(tk: Any, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["read:projects"])
    tk.roles.put("later", scopes=[])
    issued = issue(scopes=["own"], roles=["reader", "later"])
    assert tk.verify(issued.secret, scopes=["own", "read:projects"]).scopes == ("own", "read:projects")
    tk.roles.put("reader", scopes=["read:users"])
    assert tk.verify(issued.secret, scopes="read:projects").code == "insufficient_scope"
    assert tk.verify(issued.secret, scopes="read:users")
    tk.roles.put("later", scopes=["later"])
    assert tk.verify(issued.secret, scopes="later")
    tk.roles.delete("reader")
    assert tk.verify(issued.secret).scopes == ("own", "later")
    assert tk.keys.get(issued.key.id).roles == ("later",)


def test_a_role_that_does_not_exist_is_granted_to_nobody(tk: Any, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["read:projects"])
    issued = issue(roles=["reader"])
    before = len(tk.audit.list())
    calls: list[Callable[[], Any]] = [
        lambda: issue("other", roles=["reader", "gone", "never"]),
        lambda: tk.keys.update(issued.key.id, roles=["gone", "reader", "never"]),
        lambda: tk.owners.put("ada", roles=["gone", "never"]),
        lambda: tk.owners.put("new", roles=["gone", "never"]),
    ]
    for call in calls:
        with pytest.raises(Invalid) as refused:
            call()
        assert [(error.field, error.code) for error in refused.value.errors] == [("roles", "unknown_role")] * 2
        assert "role 'gone' does not exist in tenant 'default'" in str(refused.value)
        assert "tokenry roles put never --scope" in str(refused.value)
    [refused_item] = tk.keys.issue_many([{"owner": "ada", "name": "many", "roles": ["gone"]}])
    assert refused_item.errors[0].code == "unknown_role"
    assert len(tk.audit.list()) == before
    with pytest.raises(NotFound):
        tk.owners.get("new")


def test_a_role_that_only_the_host_knows_grants_nothing_and_stays(tk: Any) -> None:
    tk.owner_loader(lambda external_id, tenant: {"roles": ["unknown-here"]} if external_id == "hosted" else None)
    issued = tk.keys.issue("hosted", name="k")
    assert tk.owners.get("hosted").roles == ("unknown-here",)
    assert tk.keys.issue("hosted", name="l", roles=["unknown-here"], by="hosted").key.roles == ("unknown-here",)
    assert tk.verify(issued.secret).scopes == ()
    # What an owner has already is no new grant.
    assert tk.owners.put("hosted", roles=["unknown-here"], name="Ada").roles == ("unknown-here",)


def test_a_role_put_as_it_is_changes_nothing_and_is_not_written_down(tk: Any) -> None:
    first = tk.roles.put("reader", scopes=["read:projects", "read:users"])
    entries, events = len(tk.audit.list()), len(tk.events.list())
    assert tk.roles.put("reader", scopes=["read:projects", "read:users"]) == first
    assert (len(tk.audit.list()), len(tk.events.list())) == (entries, events)
    assert tk.roles.put("reader", scopes=["read:users"]).scopes == ("read:users",)
    assert (len(tk.audit.list()), len(tk.events.list())) == (entries + 1, events + 1)


def test_a_role_that_is_deleted_and_made_again_does_not_come_back_to_keys(tk: Any, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["read:projects"])
    tk.owners.put("ada", roles=["reader"])
    issued = issue(roles=["reader"])
    tk.roles.delete("reader")
    tk.roles.put("reader", scopes=["read:projects"])
    assert tk.verify(issued.secret, scopes="read:projects").code == "insufficient_scope"
    assert tk.owners.get("ada").roles == ()


def test_the_roles_of_an_owner_add_nothing_to_its_keys(tk: Any, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["read:projects"])
    tk.owners.put("ada", roles=["reader"])
    assert tk.verify(issue().secret, scopes="read:projects").code == "insufficient_scope"


def test_roles_of_another_tenant_mean_nothing_here(tk: Any, issue: Issue, acme: str) -> None:
    tk.roles.put("reader", scopes=["read:projects"], tenant=acme)
    with pytest.raises(Invalid):
        issue(roles=["reader"])
    with pytest.raises(NotFound):
        tk.roles.get("reader")
    assert tk.roles.get("reader", tenant=acme).scopes == ("read:projects",)


def test_a_catalogue_is_kept_in_its_order_and_replaced_as_a_whole(tk: Any, acme: str) -> None:
    assert tk.scopes.list() == ()
    assert tk.scopes.define(["write:b", "read:*", "read:a", "read:*"]) == ("write:b", "read:*", "read:a")
    assert tk.scopes.list() == ("write:b", "read:*", "read:a")
    assert tk.scopes.list(tenant=acme) == ()
    tk.scopes.define(["x"])
    assert tk.scopes.list() == ("x",)
    tk.scopes.define([])
    assert tk.scopes.list() == ()


def test_unknown_scopes_are_named_in_input_order(tk: Any) -> None:
    tk.scopes.define(["read:projects", "files:*"])
    check = tk.scopes.check(["z:z", "read:projects", "no:such", "z:z", "files:a:b", "read:*", "Bad scope", "*"])
    assert not check
    assert check.unknown == ("z:z", "no:such", "Bad scope")
    assert tk.scopes.check(["read:projects"])
    assert tk.scopes.check("read:projects")
    assert tk.scopes.check([]).unknown == ()


def test_without_a_catalogue_any_well_formed_scope_is_known(tk: Any) -> None:
    assert tk.scopes.check(["any:thing"])
    assert tk.scopes.check(["any:thing", "not a scope"]).unknown == ("not a scope",)


def test_only_what_the_catalogue_knows_is_granted(tk: Any, issue: Issue) -> None:
    tk.scopes.define(["read:projects", "files:*"])
    assert issue(scopes=["read:projects", "files:a", "read:*", "*"]).key.scopes
    with pytest.raises(Invalid) as refused:
        issue(scopes=["no:such", "read:projects", "other"])
    assert [error.code for error in refused.value.errors] == ["unknown_scope", "unknown_scope"]
    assert ["no:such" in error.message for error in refused.value.errors] == [True, False]
    with pytest.raises(Invalid):
        tk.roles.put("reader", scopes=["no:such"])
    with pytest.raises(NotFound):
        tk.roles.get("reader")


def test_removing_an_entry_only_stops_new_grants(tk: Any, issue: Issue) -> None:
    tk.scopes.define(["read:projects", "read:users"])
    issued = issue(scopes=["read:projects"])
    tk.scopes.define(["read:users"])
    assert tk.verify(issued.secret, scopes="read:projects")
    tk.keys.update(issued.key.id, scopes=["read:projects", "read:users"])
    assert tk.verify(issued.secret, scopes=["read:projects", "read:users"])
    with pytest.raises(Invalid):
        issue(scopes=["read:projects"])


def test_asking_for_a_scope_that_nobody_defined_is_fine(tk: Any, issue: Issue) -> None:
    tk.scopes.define(["read:projects"])
    assert tk.verify(issue(scopes=["read:projects"]).secret, scopes="no:such").code == "insufficient_scope"


def test_an_operators_scope_stands_in_no_role_and_no_catalogue(tk: Any) -> None:
    with pytest.raises(Invalid):
        tk.roles.put("op", scopes=["tokenry:keys:read"])
    with pytest.raises(Invalid):
        tk.scopes.define(["tokenry:keys:read"])
    assert tk.scopes.check(["tokenry:keys:read"]).unknown == ("tokenry:keys:read",)


def test_roles_are_listed_by_name_in_pages(tk: Any) -> None:
    for name in ("c", "a", "b"):
        tk.roles.put(name, scopes=[])
    first = tk.roles.list(limit=2)
    second = tk.roles.list(limit=2, cursor=first.next_cursor)
    assert ([role.name for role in first], [role.name for role in second]) == (["a", "b"], ["c"])
    assert second.next_cursor is None


def test_an_unknown_role_is_not_found(tk: Any) -> None:
    for call in (tk.roles.get, tk.roles.delete):
        with pytest.raises(NotFound):
            call("no-such")


def test_a_bad_name_of_a_role_is_invalid(tk: Any) -> None:
    for name in BAD_ROLES:
        with pytest.raises(Invalid):
            tk.roles.put(name, scopes=[])


def test_a_mistyped_role_is_answered_with_the_one_that_was_probably_meant(tk: Any) -> None:
    tk.owners.put("ada")
    tk.roles.put("reader", scopes=["read:x"])
    tk.owners.put("op", tenant="system", admin=True)
    issuing = tk.keys.issue("op", name="i", tenant="system", environment="op", scopes=["tokenry:keys:write"])
    by = tk.require(issuing.secret, environment="op")
    with pytest.raises(Invalid, match=r"'reder' does not exist in tenant 'default': did you mean reader\?"):
        tk.keys.issue("ada", name="k", roles=["reder"])
    with pytest.raises(Invalid, match="'writer' does not exist in tenant 'default': create it with"):
        tk.keys.issue("ada", name="k", roles=["writer"])
    with pytest.raises(Invalid) as refused:
        tk.keys.issue("ada", name="k", roles=["reder"], by=by, tenant="default")  # who may not read the roles
    assert "reader?" not in str(refused.value)
