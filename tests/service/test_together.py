"""Changes that share a transaction: each is as if it were alone, and none is promised before the commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenry import NotFound, Settings, Tokenry
from tokenry.edge import changes_together
from tokenry.groups import Groups
from tokenry.types import Event, Issued, StoreUnavailable, VersionConflict


@pytest.fixture
def tk(tmp_path: Path) -> Iterator[Tokenry]:
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def issued(tk: Tokenry) -> list[Issued]:
    keys = [tk.keys.issue("ada", name=f"k{number}") for number in range(3)]
    assert all(tk.verify(one.secret) for one in keys)
    return keys


def test_a_change_that_fails_leaves_nothing_and_the_others_stay(tk: Tokenry, issued: list[Issued]) -> None:
    first, second, third = [one.key.id for one in issued]
    with changes_together(tk) as groups:
        groups.keys.update(first, description="changed")
        with pytest.raises(VersionConflict):
            groups.keys.update(second, description="changed", if_version=7)
        with pytest.raises(NotFound):
            groups.keys.revoke("key_0000000000000000000000")
        groups.keys.revoke(third)
    found = [(tk.keys.get(id).description, tk.keys.get(id).status) for id in (first, second, third)]
    assert found == [("changed", "active"), ("", "active"), ("", "revoked")]
    assert [entry.action for entry in tk.audit.list(limit=2)] == ["key.revoked", "key.updated"]
    assert [bool(tk.verify(one.secret)) for one in issued] == [True, True, False]
    assert tk.audit.check()


def test_what_is_half_done_when_a_change_fails_is_undone(tk: Tokenry, issued: list[Issued]) -> None:
    def half(groups: Groups) -> None:
        with groups._context.changing("default", "ada") as change:
            change.rows.keys.update(change.tenant, issued[0].key, {"description": "half"}, change.now, version=None)
            raise ZeroDivisionError

    with changes_together(tk) as groups, pytest.raises(ZeroDivisionError):
        half(groups)
    assert tk.keys.get(issued[0].key.id).description == ""


def test_a_change_sees_those_before_it(tk: Tokenry) -> None:
    tk.owners.put("ops", tenant="system", admin=True)
    scopes = ["tokenry:keys:read", "tokenry:keys:write"]
    first, second = [
        tk.keys.issue("ops", tenant="system", environment="op", name=name, scopes=scopes) for name in ("one", "two")
    ]
    by, other = [tk.require(one.secret, environment="op") for one in (first, second)]
    with changes_together(tk) as groups:
        groups.keys.revoke(second.key.id, tenant="system", by=by)
        with pytest.raises(NotFound):
            groups.keys.revoke(first.key.id, tenant="system", by=other)
    assert tk.keys.get(first.key.id, tenant="system").status == "active"


def test_nobody_is_told_before_the_commit(tk: Tokenry, issued: list[Issued]) -> None:
    events: list[Event] = []
    tk.events.subscribe(events.append)
    with changes_together(tk) as groups:
        groups.keys.disable(issued[0].key.id)
        groups.keys.disable(issued[1].key.id)
        assert not events
        assert tk.verify(issued[0].secret)
    assert [event.subject for event in events] == [one.key.id for one in issued[:2]]
    assert not tk.verify(issued[0].secret)


def test_a_transaction_that_sqlite_has_ended_changes_nothing(tk: Tokenry, issued: list[Issued]) -> None:
    events: list[Event] = []
    tk.events.subscribe(events.append)

    def change() -> None:
        with changes_together(tk) as groups:
            groups.keys.disable(issued[0].key.id)
            tk._database._write_with.raw.execute("ROLLBACK")  # type: ignore[union-attr]
            with pytest.raises(StoreUnavailable, match="took back"):
                groups.keys.disable(issued[1].key.id)

    with pytest.raises(StoreUnavailable, match="took back"):
        change()
    assert [tk.keys.get(one.key.id).status for one in issued] == ["active"] * 3
    assert not events
    assert tk.keys.disable(issued[0].key.id).status == "disabled"
