"""Owners: put, switched off and on, and deleted with their keys."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid, NotFound
from tokenry.testing import FakeClock

NAMES = ["Ärger", "ÉLODIE", "Straße", "Çağla Işık", "Łukasz", "ΟΔΥΣΣΕΥΣ", "Ёжик", "ﬁne", "가나다", "Zoë"]
SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")


def test_put_creates_an_owner(tk: Any, clock: FakeClock) -> None:
    tk.roles.put("developer", scopes=["read:a"])
    owner = tk.owners.put("ada", name="Ada", email="ada@example.com", roles=["developer"], admin=True)
    assert (owner.tenant, owner.external_id, owner.name, owner.email) == ("default", "ada", "Ada", "ada@example.com")
    assert (owner.roles, owner.admin, owner.status) == (("developer",), True, "active")
    assert owner.created_at == clock.now()
    assert tk.owners.get("ada") == owner
    blank = tk.owners.put("blank")
    assert (blank.name, blank.email, blank.roles, blank.admin) == ("", None, (), False)


def test_put_changes_only_what_is_given(tk: Any) -> None:
    tk.roles.put("developer", scopes=["read:a"])
    owner = tk.owners.put("ada", name="Ada", email="ada@example.com", roles=["developer"], admin=True)
    assert tk.owners.put("ada", roles=[]) == replace(owner, roles=())
    assert tk.owners.put("ada", email=None) == replace(owner, roles=(), email=None)
    assert tk.owners.put("ada", admin=False, name="") == replace(owner, roles=(), email=None, admin=False, name="")
    assert tk.owners.get("ada") == replace(owner, roles=(), email=None, admin=False, name="")


def test_put_never_changes_the_status(tk: Any) -> None:
    tk.owners.put("ada")
    tk.owners.disable("ada")
    assert tk.owners.put("ada", name="Ada").status == "disabled"
    assert tk.owners.put("ada").status == "disabled"
    assert tk.owners.get("ada").status == "disabled"


def test_put_writes_nothing_when_nothing_changes(tk: Any) -> None:
    tk.roles.put("a", scopes=["read:a"])
    owner = tk.owners.put("ada", name="Ada", roles=["a"])
    for _ in range(3):
        assert tk.owners.put("ada", name="Ada", roles=["a"]) == owner
        assert tk.owners.put("ada") == owner
    assert [event.type for event in tk.events.list()] == ["role.updated", "owner.created"]
    assert len(tk.audit.list()) == 2


@pytest.mark.parametrize(
    ("given", "kept"), [("user-42", "user-42"), (42, "42"), (SOME_UUID, str(SOME_UUID)), ("é 1", "é 1")]
)
def test_an_external_id_is_kept_as_text(tk: Any, given: object, kept: str) -> None:
    assert tk.owners.put(given).external_id == kept
    assert tk.owners.get(given) == tk.owners.get(kept)
    assert tk.keys.issue(given, name="k").key.owner == kept
    assert len(tk.keys.list(owner=given)) == 1
    assert tk.owners.disable(given).external_id == kept
    tk.owners.delete(given)


@pytest.mark.rules
@pytest.mark.parametrize("given", [None, "", "a" * 256, "a\nb", "a\x00", True, 1.5, b"x", [], "\ud800"], ids=repr)
def test_what_is_no_external_id_is_invalid(tk: Any, given: object) -> None:
    for call in (tk.owners.put, tk.owners.get, tk.owners.disable, tk.owners.delete):
        with pytest.raises(Invalid):
            call(given)


@pytest.mark.rules
@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"name": "x" * 321},
        {"name": "a\x00b"},
        {"email": 7},
        {"roles": "developer"},
        {"roles": [""]},
        {"roles": [None]},
        {"roles": None},
        {"admin": None},
        {"admin": 1},
    ],
    ids=lambda fields: repr(fields)[:30],
)
def test_bad_fields_are_named_and_nothing_is_stored(tk: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        tk.owners.put("ada", **fields)
    assert [error.field for error in refused.value.errors] == list(fields)
    with pytest.raises(NotFound):
        tk.owners.get("ada")


def test_external_ids_are_told_apart_by_case(tk: Any) -> None:
    tk.owners.put("ada")
    with pytest.raises(NotFound):
        tk.owners.get("Ada")
    assert tk.owners.put("Ada").id != tk.owners.get("ada").id


def test_an_unknown_owner_is_not_found(tk: Any, acme: str) -> None:
    tk.owners.put("bob", tenant=acme)
    for call in (tk.owners.get, tk.owners.disable, tk.owners.enable, tk.owners.delete):
        for external_id in ("nobody", "bob"):
            with pytest.raises(NotFound):
                call(external_id)
    assert tk.owners.get("bob", tenant=acme).status == "active"


def test_owners_are_listed_by_external_id_in_pages(tk: Any) -> None:
    for external_id in ("c", "a", "B", "d"):
        tk.owners.put(external_id)
    first = tk.owners.list(limit=3)
    rest = tk.owners.list(limit=3, cursor=first.next_cursor)
    assert [owner.external_id for owner in (*first, *rest)] == ["B", "a", "c", "d"]
    assert rest.next_cursor is None


def test_owners_are_found_by_a_part_of_id_name_or_email(tk: Any) -> None:
    tk.owners.put("u1", name="Ada Lovelace")
    tk.owners.put("u2", email="grace@example.com")
    tk.owners.put("lace")
    assert [owner.external_id for owner in tk.owners.list(text="LACE")] == ["lace", "u1"]
    assert [owner.external_id for owner in tk.owners.list(text="example")] == ["u2"]
    assert [owner.external_id for owner in tk.owners.list(text="_")] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_owner_is_found_by_its_own_name_in_any_case_and_without_accents(tk: Any, name: str) -> None:
    tk.owners.put("other", name="Nobody")
    by_id = tk.owners.put(f"id {name}").external_id
    tk.owners.put("by name", name=name)
    tk.owners.put("by email", email=f"{name}@example.com")
    found = {by_id, "by name", "by email"}
    for asked in (name, name.upper(), name.lower(), name.title(), name.swapcase(), name.casefold()):
        for form in ("NFC", "NFD", "NFKC"):
            owners = tk.owners.list(text=unicodedata.normalize(form, asked))
            assert {owner.external_id for owner in owners} == found, (asked, form)


def test_a_plain_spelling_finds_an_accented_name_and_a_new_name_replaces_the_old(tk: Any) -> None:
    tk.owners.put("ada", name="Élodie Ärger", email="strasse@example.com")
    for asked in ("elodie arger", "STRASSE", "straße", "ada"):
        assert [owner.external_id for owner in tk.owners.list(text=asked)] == ["ada"], asked
    tk.owners.put("ada", name="Zoë")
    assert list(tk.owners.list(text="elodie")) == []
    assert len(tk.owners.list(text="zoe")) == len(tk.owners.list(text="strasse")) == 1
    tk.owners.put("ada", email=None)
    assert list(tk.owners.list(text="strasse")) == []
    tk.owners.delete("ada")
    assert list(tk.owners.list(text="zoe")) == []


def test_disabling_is_idempotent_and_one_event(tk: Any) -> None:
    tk.owners.put("ada")
    for _ in range(2):
        assert tk.owners.disable("ada").status == "disabled"
    for _ in range(2):
        assert tk.owners.enable("ada").status == "active"
    assert [event.type for event in tk.events.list()] == ["owner.created", "owner.disabled", "owner.enabled"]


def test_deleting_an_owner_revokes_its_keys(tk: Any, issue: Issue) -> None:
    issued, disabled = issue("a"), issue("b")
    tk.keys.disable(disabled.key.id)
    assert tk.verify(issued.secret)
    tk.owners.delete("ada")
    for one in (issued, disabled):
        assert tk.verify(one.secret).code == "revoked"
        key = tk.keys.get(one.key.id)
        assert (key.status, key.revoke_reason) == ("revoked", "owner deleted")
    with pytest.raises(NotFound):
        tk.owners.get("ada")
    assert len(tk.owners.list()) == 0
    assert [event.type for event in tk.events.list(types=["owner.deleted", "key.revoked"])] == [
        "key.revoked", "key.revoked", "owner.deleted",
    ]  # fmt: skip


def test_an_owner_that_comes_back_is_another_without_the_old_keys(tk: Any, issue: Issue) -> None:
    tk.owners.put("ada", name="Ada", admin=True)
    issued = issue("CI")
    old = tk.owners.get("ada")
    tk.owners.delete("ada")
    new = tk.owners.put("ada")
    assert new.id != old.id
    assert (new.name, new.admin) == ("", False)
    assert tk.verify(issued.secret).code == "revoked"
    assert len(tk.keys.list(owner="ada")) == 0
    with pytest.raises(NotFound):
        tk.keys.get(issued.key.id, by="ada")
    assert tk.keys.issue("ada", name="CI")


def test_the_name_of_a_deleted_owner_is_gone_from_the_database(installation: Any, tk: Any) -> None:
    tk.roles.put("r", scopes=["read:a"])
    tk.owners.put("ada", name="Ada Lovelace", email="ada@example.com", roles=["r"])
    tk.keys.issue("ada", name="k")
    tk.owners.delete("ada")
    if installation.place != "memory":
        [row] = installation.sql("SELECT name, email, roles, admin FROM tokenry_owner")
        assert tuple(row) == ("", None, "[]", False)


def test_a_demoted_admin_counts_at_once_in_verdicts(tk: Any, issue: Issue) -> None:
    tk.roles.put("a", scopes=["read:a"])
    tk.owners.put("ada", admin=True, roles=["a"])
    issued = issue()
    assert tk.verify(issued.secret).owner.admin
    tk.owners.put("ada", admin=False, roles=[])
    assert (tk.verify(issued.secret).owner.admin, tk.verify(issued.secret).owner.roles) == (False, ())
