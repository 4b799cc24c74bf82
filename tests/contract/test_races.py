"""Two calls at the same moment, on a database that lets both run: each thing happens once, and no two block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from tests.contract.conftest import Issue
from tests.contract.places import KEYRING, QUIET, Installation
from tests.servers.postgres import waits_for_a_lock
from tests.servers.waiting import until
from tokenry import Credits, NotAllowed, Tokenry
from tokenry.store.credits import CreditRows
from tokenry.store.keys import KeyRows
from tokenry.store.owners import OwnerRows
from tokenry.store.roles import RoleRows
from tokenry.testing import FakeClock

HOUR = timedelta(hours=1)


pytestmark = pytest.mark.rules


def instance(installation: Installation) -> Iterator[Tokenry]:
    if installation.store != "postgres":
        pytest.skip("one writer at a time: there is no such moment")
    with Tokenry(installation.url, keyring=KEYRING, settings=QUIET, clock=installation.clock) as opened:
        yield opened


one, other = pytest.fixture(name="one")(instance), pytest.fixture(name="other")(instance)


@contextmanager
def after_listing(monkeypatch: pytest.MonkeyPatch, method: str, then: Callable[[], object]) -> Iterator[None]:
    """Do something once, when another call has read which keys it means and has written nothing yet."""
    original, done = getattr(KeyRows, method), []

    def listing(self: KeyRows, *args: Any, **kwargs: Any) -> Any:
        found = original(self, *args, **kwargs)
        if not done:
            done.append(True)
            thread = threading.Thread(target=then)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(KeyRows, method, listing)
        yield


def revoked(one: Any) -> list[str]:
    return [event.subject for event in one.events.list(types=["key.revoked"])]


def test_a_key_revoked_during_a_bulk_is_revoked_once(
    one: Any, other: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = issue(), issue()
    with after_listing(monkeypatch, "list", lambda: other.keys.revoke(first.key.id, reason="leaked")):
        items = one.keys.revoke_where(owner="ada", dry_run=False, reason="bulk")
    assert [item.key.id for item in items] == [second.key.id]
    assert sorted(revoked(one)) == sorted([first.key.id, second.key.id])
    assert one.keys.get(first.key.id).revoke_reason == "leaked"
    assert one.keys.get(second.key.id).revoke_reason == "bulk"


def test_a_key_changed_during_a_bulk_is_revoked_only_if_still_meant(
    one: Any, other: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrowed, renamed = issue(scopes=["x"]), issue(scopes=["x"])

    def change() -> None:
        other.keys.update(narrowed.key.id, scopes=["y"])
        other.keys.update(renamed.key.id, description="new")

    with after_listing(monkeypatch, "list", change):
        assert one.keys.revoke_where(scope="x", dry_run=False).revoked_count == 1
    assert revoked(one) == [renamed.key.id]
    assert one.verify(narrowed.secret)


def test_deleting_an_owner_revokes_no_key_twice(
    one: Any, other: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = issue().key
    with after_listing(monkeypatch, "living", lambda: other.keys.revoke(key.id, reason="leaked")):
        one.owners.delete("ada")
    assert revoked(one) == [key.id]
    assert one.keys.get(key.id).revoke_reason == "leaked"


def test_a_key_that_its_owner_issues_while_a_role_is_deleted_never_has_the_role(
    one: Any, other: Any, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.roles.put("reader", scopes=["read"])
    one.owners.put("ada", roles=["reader"])
    knows_its_roles, refused = threading.Event(), []
    holders, get = RoleRows.holders, OwnerRows.get

    def issue() -> None:
        try:
            other.keys.issue("ada", name="k", roles=["reader"], by="ada")
        except NotAllowed as error:
            refused.append(error)

    issuing = threading.Thread(target=issue)
    deleting = threading.Thread(target=lambda: one.roles.delete("reader"))

    def marked(self: RoleRows, *args: Any, **options: Any) -> Any:
        if issuing.ident is None:
            issuing.start()
            assert knows_its_roles.wait(10)
        return holders(self, *args, **options)

    def locking(self: OwnerRows, tenant: Any, external_id: str, *, lock: bool = False) -> Any:
        if lock and threading.current_thread() is issuing:
            knows_its_roles.set()
            until(lambda: not deleting.is_alive() or waits_for_a_lock(installation.url))
        return get(self, tenant, external_id, lock=lock)

    monkeypatch.setattr(RoleRows, "holders", marked)
    monkeypatch.setattr(OwnerRows, "get", locking)
    deleting.start()
    for thread in (deleting, issuing):
        thread.join(20)
        assert not thread.is_alive()
    assert [key.roles for key in one.keys.list()] == []
    assert refused


def test_two_purges_remove_a_key_once(
    one: Any, other: Any, issue: Issue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(expires_in=HOUR)
    clock.advance(3 * HOUR)
    counts, start = [], threading.Barrier(2)
    original = KeyRows.dead

    def dead(self: KeyRows, *args: Any, **options: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            start.wait(0.3)
        found = original(self, *args, **options)
        with suppress(threading.BrokenBarrierError):
            start.wait(0.3)
        return found

    monkeypatch.setattr(KeyRows, "dead", dead)
    both([lambda who=who: counts.append(who.keys.purge(expired_before=clock.now())) for who in (one, other)])
    assert sorted(counts) == [0, 1]
    assert len(one.events.list(types=["key.deleted"])) == 1


def test_batches_that_name_owners_in_another_order_do_not_block_each_other(
    one: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        one.owners.put(name)
    original, both_hold, seen, results = OwnerRows.get, threading.Barrier(2), threading.local(), {}

    def get(self: OwnerRows, tenant: Any, external_id: str, *, lock: bool = False) -> Any:
        found = original(self, tenant, external_id, lock=lock)
        if lock and not hasattr(seen, "one"):
            seen.one = True
            with suppress(threading.BrokenBarrierError):
                both_hold.wait(0.3)
        return found

    def batch(who: Any, order: str) -> None:
        results[order] = who.keys.issue_many([{"owner": owner, "name": order} for owner in order])

    monkeypatch.setattr(OwnerRows, "get", get)
    both([lambda: batch(one, "ab"), lambda: batch(other, "ba")])
    assert {order: [issued.key.owner for issued in found] for order, found in results.items()} == {
        "ab": ["a", "b"],
        "ba": ["b", "a"],
    }


def test_setting_credits_and_changing_them_do_not_block_each_other(
    one: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.owners.put("a")
    id = one.keys.issue("a", name="k", credits=Credits(10, shared=True)).key.id
    original, setting, changing, done = CreditRows.account, threading.Event(), threading.Event(), []

    def account(self: CreditRows, *args: Any, **options: Any) -> Any:
        if not threading.current_thread().name.startswith("set"):
            changing.set()
            setting.wait(0.3)
            return original(self, *args, **options)
        found = original(self, *args, **options)
        setting.set()
        changing.wait(0.3)
        return found

    def set_credits() -> None:
        threading.current_thread().name = "set"
        done.append(one.credits.set(id, 5))

    monkeypatch.setattr(CreditRows, "account", account)
    both([set_credits, lambda: done.append(other.keys.update(id, credits=Credits(20, shared=True)))])
    assert len(done) == 2


def both(calls: list[Callable[[], object]]) -> None:
    """Make calls at the same time and wait for all."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_a_flush_does_not_wait_for_a_transaction_of_the_host(
    one: Any, issue: Issue, installation: Installation
) -> None:
    changed, other = issue(), issue()
    assert one.verify(changed.secret)
    assert one.verify(other.secret)

    def uses() -> list[int]:
        return [sum(hour.count for hour in one.usage.get(issued.key.id)) for issued in (changed, other)]

    engine = create_engine(installation.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.connect() as connection, one.using(connection) as joined:
        joined.keys.update(changed.key.id, description="held")
        one.flush()
        assert uses() == [0, 1]
        connection.commit()
    one.flush()
    assert uses() == [1, 1]
