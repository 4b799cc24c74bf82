"""Bulk work goes in batches, each a transaction: one that is interrupted leaves whole ones, and a repeat goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, NotFound, StoreUnavailable, Tokenry
from tokenry.service import ending, issuing, owners, usage
from tokenry.store.keys import KeyRows
from tokenry.store.roles import RoleRows
from tokenry.store.sessions import SessionRows
from tokenry.store.usage import UsageRows
from tokenry.testing import FakeClock
from tokenry.types import Issued

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch be two keys."""
    monkeypatch.setattr(ending, "BATCH", 2)
    monkeypatch.setattr(usage, "_BATCH", 2)


class Interrupted(Exception):
    """What a kill is to the caller: the call never returns."""


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, calls: int) -> Iterator[None]:
    """Let a function work so many times and raise after that, which must end the call within."""
    original: Callable[..., Any] = getattr(place, name)
    left = iter(range(calls))

    def limited(*args: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise Interrupted
        return original(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, limited)
        with pytest.raises(Interrupted):
            yield


def count(tk: Any, type: str) -> int:
    entries = len(tk.audit.list(action=type, limit=100))
    assert len(tk.events.list(types=[type], limit=100)) == entries
    return entries


def codes(tk: Any, issued: list[Any]) -> set[str]:
    return {tk.verify(one.secret).code for one in issued}


def test_an_interrupted_deletion_of_an_owner_leaves_it_disabled_and_a_repeat_ends_it(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = [issue() for _ in range(5)]
    assert codes(tk, issued) == {"valid"}
    with interrupted(monkeypatch, ending, "end_owner_batch", 1):
        tk.owners.delete("ada")
    assert codes(tk, issued) == {"revoked", "owner_disabled"}
    assert tk.owners.get("ada").status == "disabled"
    assert (count(tk, "key.revoked"), count(tk, "owner.disabled"), count(tk, "owner.deleted")) == (2, 1, 0)
    tk.owners.delete("ada")
    assert codes(tk, issued) == {"revoked"}
    with pytest.raises(NotFound):
        tk.owners.get("ada")
    assert (count(tk, "key.revoked"), count(tk, "owner.disabled"), count(tk, "owner.deleted")) == (5, 1, 1)
    assert tk.audit.check()


def test_an_admin_with_many_keys_and_sessions_deletes_itself(tk: Any, issue: Issue) -> None:
    tk.owners.put("ada", admin=True)
    issued = [issue() for _ in range(3)]
    sessions = [tk.sessions.start("ada") for _ in range(5)]
    tk.owners.delete("ada", by="ada")
    assert codes(tk, issued) == {"revoked"}
    assert {tk.verify(one.access).code for one in sessions} == {"revoked"}
    assert count(tk, "session.revoked") == 5
    with pytest.raises(NotFound):
        tk.owners.get("ada")


def test_an_owner_who_comes_back_during_the_deletion_stays(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        issue()
    original = owners.same_owner

    def same(change: Any, external_id: object, id: str) -> Any:
        """Let somebody else have deleted the owner to its end, and let it have come back, between two batches."""
        old = change.rows.owners.get(change.tenant, "ada")
        change.rows.owners.update(change.tenant, old, {"status": "deleted"}, change.now)
        change.rows.owners.insert(change.tenant, replace(old, id=old.id[:-3] + "new", status="active"))
        return original(change, external_id, id)

    monkeypatch.setattr(owners, "same_owner", same)
    tk.owners.delete("ada")
    assert tk.owners.get("ada").status == "active"


@pytest.mark.parametrize("kind", ["owner", "key"])
def test_an_interrupted_deletion_of_a_role_ends_what_it_grants_and_a_repeat_removes_it(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    tk.roles.put("reader", scopes=["read:a"])
    tk.roles.put("Reader", scopes=["read:b"])
    for number in range(5):
        tk.owners.put(f"o{number}", roles=["reader", "Reader"])
    issued = [issue(roles=["reader", "Reader"]) for _ in range(5)]
    with interrupted(monkeypatch, RoleRows, "drop", 1 if kind == "owner" else 4):
        tk.roles.delete("reader")
    assert {tk.verify(one.secret, scopes=["read:a"]).code for one in issued} == {"insufficient_scope"}
    assert {tk.verify(one.secret, scopes=["read:b"]).code for one in issued} == {"valid"}
    assert [role.name for role in tk.roles.list()] == ["Reader"]
    with pytest.raises(NotFound):
        tk.roles.get("reader")
    with pytest.raises(Invalid):
        issue(roles=["reader"])
    with pytest.raises(Conflict, match="roles delete reader"):
        tk.roles.put("reader", scopes=["read:a"])
    tk.roles.delete("reader")
    assert {one.roles for one in (*tk.keys.list(), *tk.owners.list()) if one.roles} == {("Reader",)}
    assert count(tk, "role.deleted") == 1
    tk.roles.put("reader", scopes=["read:a"])
    assert {tk.verify(one.secret, scopes=["read:a"]).code for one in issued} == {"insufficient_scope"}
    assert tk.audit.check()


def test_an_admin_deletes_the_role_that_lets_it(tk: Any, issue: Issue) -> None:
    with pytest.raises(NotFound):
        tk.roles.delete("reader")
    tk.roles.put("reader", scopes=["read:a"])
    tk.owners.put("ada", admin=True, roles=["reader"])
    issue(roles=["reader"])
    tk.roles.delete("reader", by="ada")
    assert tk.owners.get("ada").roles == tk.keys.list().items[0].roles == ()
    with pytest.raises(NotFound):
        tk.roles.delete("reader")


def test_a_bulk_revocation_counts_all_keys_and_returns_the_first(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "ITEMS_MAX", 3)
    issued = [issue() for _ in range(5)]
    for dry_run in (True, False):
        done = tk.keys.revoke_where(owner="ada", dry_run=dry_run)
        assert [item.key.id for item in done] == [one.key.id for one in reversed(issued)][:3]
        assert (done.revoked_count, done.refused_count) == (5, 0)
    assert codes(tk, issued) == {"revoked"}


def test_an_interrupted_bulk_revocation_has_ended_whole_batches_and_a_repeat_ends_the_rest(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = [issue() for _ in range(5)]
    with interrupted(monkeypatch, ending, "end", 1):
        tk.keys.revoke_where(owner="ada", dry_run=False)
    assert [tk.verify(one.secret).code for one in issued] == ["valid"] * 3 + ["revoked"] * 2
    assert count(tk, "key.revoked") == 2
    assert tk.keys.revoke_where(owner="ada", dry_run=False).revoked_count == 3
    assert count(tk, "key.revoked") == 5
    assert tk.audit.check()


def test_an_interrupted_purge_has_removed_whole_batches_and_a_repeat_removes_the_rest(
    tk: Any, clock: FakeClock, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = issue()
    for _ in range(5):
        issue(expires_in=HOUR)
    clock.advance(2 * HOUR)
    with interrupted(monkeypatch, KeyRows, "delete", 1):
        tk.keys.purge(expired_before=clock.now())
    assert len(tk.keys.list()) == 4
    assert count(tk, "key.deleted") == 2
    assert tk.keys.purge(expired_before=clock.now()) == 3
    assert [key.id for key in tk.keys.list()] == [kept.key.id]
    assert count(tk, "key.deleted") == 5
    assert tk.audit.check()


def test_a_key_that_lives_on_since_it_was_found_is_not_purged(
    tk: Any, clock: FakeClock, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = issue(expires_in=HOUR).key, issue(expires_in=HOUR).key
    clock.advance(2 * HOUR)
    original = KeyRows.dead

    def dead(self: KeyRows, tenant: Any, *args: Any, **options: Any) -> Any:
        if options.get("ids") is not None:
            self.update(tenant, first, {"expires_at": clock.now() + HOUR}, clock.now(), version=None)
        return original(self, tenant, *args, **options)

    monkeypatch.setattr(KeyRows, "dead", dead)
    assert tk.keys.purge(expired_before=clock.now()) == 1
    assert [key.id for key in tk.keys.list()] == [first.id] != [second.id]


def test_much_usage_of_dead_keys_is_removed_in_transactions_of_its_own(
    tk: Any, clock: FakeClock, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = issue(expires_in=9 * HOUR)
    for _ in range(5):
        assert tk.verify(issued.secret)
        tk.flush()
        clock.advance(HOUR)
    clock.advance(9 * HOUR)
    monkeypatch.setattr(ending, "_USAGE_BATCH", 2)
    removed, original = list[int](), UsageRows.delete
    monkeypatch.setattr(UsageRows, "delete", lambda *args: removed.append(original(*args)) or removed[-1])
    assert tk.keys.purge(expired_before=clock.now()) == 1
    assert removed == [2, 2, 1]


def test_keys_issued_before_a_batch_that_failed_are_answered_with_their_secrets(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue("k4")
    monkeypatch.setattr(issuing, "BATCH", 2)
    original, calls = issuing._issue_batch, list[int]()

    def batch(context: Any, asked: list[Any], *rest: Any) -> Any:
        calls.append(len(asked))
        if len(calls) == 2:
            raise StoreUnavailable("the disk is full")
        return original(context, asked, *rest)

    monkeypatch.setattr(issuing, "_issue_batch", batch)
    results = tk.keys.issue_many([{"owner": "ada", "name": f"k{number}"} for number in range(5)])
    assert calls == [2, 2, 1]
    assert codes(tk, results[:2]) == {"valid"}
    assert [type(one) for one in results[2:]] == [StoreUnavailable, StoreUnavailable, Conflict]
    calls[:] = [0]  # the next one fails
    with pytest.raises(StoreUnavailable):
        tk.keys.issue_many([{"owner": "ada", "name": "l"}])


def test_notices_of_expiry_are_told_batch_by_batch_and_each_key_once() -> None:
    with Tokenry("sqlite://") as tk:
        tk.owners.put("ada")
        for number in range(5):
            tk.keys.issue("ada", name=f"k{number}", expires_in=HOUR)
        assert [tk._upkeep() for _ in range(4)] == [True, True, False, False]
        assert count(tk, "key.expiring") == 5


def test_a_key_that_ends_itself_in_bulk_goes_on_to_the_end(tk: Any, issue: Issue) -> None:
    tk.owners.put("root", admin=True)
    issued = [issue() for _ in range(3)]
    scopes = ["tokenry:keys:read", "tokenry:keys:write"]
    acting = tk.keys.issue("root", name="acting", environment="op", scopes=scopes)
    by = tk.verify(acting.secret, environment="op")
    assert tk.keys.revoke_where(status="active", dry_run=False, by=by).revoked_count == 4
    assert codes(tk, issued) == {"revoked"}
    assert tk.keys.revoke_where(text="k", dry_run=False, by=by).revoked_count == 0


def test_an_error_of_the_hosts_loses_no_secret_of_a_batch_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "BATCH", 2)

    def load(external_id: str, tenant: str) -> bool:
        if external_id == "late":
            raise OSError("the directory of the host is away")
        return True

    with Tokenry("sqlite://") as tk:
        tk.owner_loader(load)
        owners = ["ada", "ada", "late"]
        *issued, last = tk.keys.issue_many([{"owner": owner, "name": f"k{n}"} for n, owner in enumerate(owners)])
        assert all(isinstance(one, Issued) and tk.verify(one.secret) for one in issued)
        assert isinstance(last, StoreUnavailable)
        assert "OSError" in str(last)


def test_sessions_that_somebody_else_ends_meanwhile_do_not_stop_the_deletion_of_an_owner(
    tk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tk.owners.put("ada")
    for _ in range(5):
        tk.sessions.start("ada")
    original, calls = SessionRows.revoke, iter([False])
    monkeypatch.setattr(SessionRows, "revoke", lambda *args: original(*args) and next(calls, True))
    tk.owners.delete("ada")
    assert {one.status for one in tk.sessions.list(limit=9)} == {"revoked"}
