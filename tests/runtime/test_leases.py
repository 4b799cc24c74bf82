"""Shares of limits in one process: asked for once, never lost, and never of another limit."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tokenry.core.counters import Count, Place, Share, Want, lease
from tokenry.core.counters import give_back as give_back_to
from tokenry.core.grant import KEY_SHOWN, Grant
from tokenry.core.limits import SECOND, Limit, counted_for
from tokenry.core.scopes import granted
from tokenry.core.verdict import Refused
from tokenry.runtime.leases import Leases

MINUTE = Limit("minute", 10_000, 60)


def a_grant(*limits: Limit, version: int = 1) -> Grant:
    """Return a grant of one key, as a lookup brings it."""
    known = {"id": "key_1", "version": version}
    record = json.dumps([known.get(column) for column in KEY_SHOWN.columns]).encode()
    fields = ("kid", "default", "live", False, False, None, False, None, None, False)
    return Grant(*fields, granted(()), (), None, counted_for("key", limits), record, b'["own_1", "ada"]', b'["ten_1"]')


class Store:
    """What the database says, without one."""

    def __init__(self) -> None:
        self.counts: dict[Place, Count] = {}
        self.leases = 0

    def lease(self, wants: Sequence[Want]) -> list[Share]:
        self.leases += 1
        return lease(self.counts, wants)

    def taken(self, name: str, window: int) -> int:
        count = self.counts["ten_1", "key_1", name]
        assert count.window == window
        return count.taken


def verify(leases: Leases, store: Store, grant: Grant, now: int, cost: int = 1) -> Any:
    """Take, leasing as a verification does."""
    while isinstance(answer := leases.take(grant, cost, now), list):
        wants = leases.with_returns(answer)
        leases.fill(wants, store.lease(wants), now)
    return answer


def give_back(leases: Leases, store: Store, now: int, *, everything: bool = False) -> None:
    """Give back what lies idle."""
    for want in leases.idle(now, everything=everything):
        give_back_to(store.counts, want, want.need)


def test_a_forgotten_counter_that_a_grant_still_holds_gives_its_units_back() -> None:
    leases, store, grant = Leases(), Store(), a_grant(MINUTE)
    verify(leases, store, grant, 0)
    give_back(leases, store, 200 * SECOND)
    verify(leases, store, grant, 200 * SECOND)
    assert store.taken("minute", 3) > 1
    give_back(leases, store, 208 * SECOND)
    assert store.taken("minute", 3) == 1
    verify(leases, store, grant, 209 * SECOND)
    give_back(leases, store, 209 * SECOND, everything=True)
    assert store.taken("minute", 3) == 2


def test_a_thousandth_of_a_large_limit_stays_while_its_key_may_come_back() -> None:
    leases, store, grant = Leases(), Store(), a_grant(MINUTE)
    verify(leases, store, grant, 0)
    give_back(leases, store, 1 * SECOND)
    assert store.taken("minute", 0) == 1 + 10
    for turn in range(10):
        assert isinstance(leases.take(grant, 1, (2 + turn) * SECOND // 2), tuple)  # nothing is leased for it
    assert isinstance(leases.take(grant, 1, 7 * SECOND), list)


@pytest.mark.parametrize(
    ("limit", "seconds"), [(Limit("low", 9_999, 60), 1), (Limit("short", 10_000, 8), 1), (MINUTE, 8)]
)
def test_of_a_low_limit_or_a_short_window_or_after_a_while_nothing_stays(limit: Limit, seconds: int) -> None:
    leases, store = Leases(), Store()
    verify(leases, store, a_grant(limit), 0)
    give_back(leases, store, seconds * SECOND)
    assert store.taken(limit.name, 0) == 1


def test_where_nobody_else_leases_a_first_share_stays_to_the_end_of_its_window() -> None:
    leases, store, grant = Leases(alone=True), Store(), a_grant(MINUTE)
    leases.wake = lambda: None
    for _ in range(80):  # soon used up: a larger one is renewed
        verify(leases, store, grant, 0)
        wants = leases.due(0)
        leases.fill(wants, store.lease(wants), 0)
    give_back(leases, store, 50 * SECOND)
    assert store.taken("minute", 0) == 80 + 100
    assert isinstance(leases.take(grant, 100, 59 * SECOND), tuple)
    give_back(leases, store, 59 * SECOND, everything=True)
    assert store.taken("minute", 0) == 180


def test_a_process_that_is_alone_looks_for_idle_counters_every_ten_seconds() -> None:
    leases, store, looked = Leases(alone=True), Store(), []
    verify(leases, store, a_grant(MINUTE), 0)
    for second in range(25):
        leases.idle(second * SECOND, rest=lambda second=second: looked.append(second))  # type: ignore[misc]
    assert looked == [0, 10, 20]


def test_others_have_their_turn_after_each_slice_of_counters() -> None:
    leases, store, rests = Leases(), Store(), []
    for number in range(2000):
        verify(leases, store, a_grant(Limit(f"n{number}", 1, 60)), 0)
    leases.idle(0, rest=lambda: rests.append(0))
    assert len(rests) in (4, 5)


def test_two_grants_of_a_key_share_one_counter_after_it_was_forgotten() -> None:
    leases, store = Leases(), Store()
    grants = [a_grant(Limit("minute", 5, 60)) for _ in range(2)]
    for grant in grants:
        verify(leases, store, grant, 0)
    give_back(leases, store, 200 * SECOND)
    answers = [verify(leases, store, grants[turn % 2], 200 * SECOND) for turn in range(8)]
    assert [isinstance(answer, Refused) for answer in answers] == [False] * 5 + [True] * 3


def test_a_clock_that_goes_back_finds_nothing_in_a_forgotten_counter() -> None:
    leases, store, grant = Leases(), Store(), a_grant(MINUTE)
    verify(leases, store, grant, 0)
    leases.idle(200 * SECOND)
    assert isinstance(leases.take(grant, 1, 0), list)


def test_an_older_version_of_a_key_changes_nothing() -> None:
    leases, store = Leases(), Store()
    old, new = a_grant(Limit("a", 1000, 60)), a_grant(Limit("a", 3, 60), version=2)
    assert verify(leases, store, old, 0)
    for grant in (new, old, a_grant(Limit("a", 1000, 60))):
        taken = verify(leases, store, grant, 0)
        refused = isinstance(taken, Refused)
        assert refused is (grant is not new and grant is not old)
        if not refused:
            assert taken[0][0] == counted_for("key", [Limit("a", 3, 60)])[0]


def test_a_share_on_its_way_while_the_key_changes_goes_back() -> None:
    leases, store = Leases(), Store()
    old = a_grant(MINUTE)
    wants = leases.take(old, 1, 0)
    assert isinstance(wants, list)
    shares = store.lease(wants)
    verify(leases, store, a_grant(MINUTE, version=2), 0)
    leases.fill(wants, shares, 0)
    give_back(leases, store, 0, everything=True)
    assert store.taken("minute", 0) == 1


def test_what_goes_back_is_not_lost_by_a_question_that_nobody_leases_for() -> None:
    leases, store = Leases(), Store()
    wants = leases.take(a_grant(MINUTE), 1, 0)
    assert isinstance(wants, list)
    shares = store.lease(wants)
    new = a_grant(MINUTE, version=2)
    assert isinstance(leases.take(new, 1, 0), list)
    leases.fill(wants, shares, 0)  # of the version before: it goes back
    for _ in range(3):  # as memory asks, before somebody leases
        assert isinstance(leases.take(new, 1, 0), list)
    verify(leases, store, new, 0)
    give_back(leases, store, 0, everything=True)
    assert store.taken("minute", 0) == 1


def test_there_are_so_many_counters_at_most_and_a_forgotten_one_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenry.runtime.leases._SHARDS", 1)
    monkeypatch.setattr("tokenry.runtime.leases._SHARD_MAX", 10)
    leases, store, first = Leases(), Store(), a_grant(Limit("first", 1000, 60))
    assert not isinstance(verify(leases, store, first, 0), Refused)
    for number in range(30):
        assert not isinstance(verify(leases, store, a_grant(Limit(f"n{number}", 1000, 60)), 0), Refused)
        assert max(map(len, leases._counters)) <= 10
    for _ in range(999):
        assert not isinstance(verify(leases, store, first, 0), Refused)
    assert isinstance(verify(leases, store, first, 0), Refused)
    give_back(leases, store, 0, everything=True)
    assert {store.taken(f"n{number}", 0) for number in range(30)} == {1}


def test_a_used_up_limit_is_asked_about_once_a_verification() -> None:
    leases, store, grant = Leases(), Store(), a_grant(Limit("a", 1, 60), Limit("b", 1, 3600))
    verify(leases, store, grant, 0)
    before = store.leases
    for now in (SECOND, SECOND + 50_000, 2 * SECOND):
        assert isinstance(verify(leases, store, grant, now), Refused)
    assert store.leases - before == 2


def test_threads_together_take_exactly_the_limit() -> None:
    leases, store, lock = Leases(), Store(), threading.Lock()
    for trial in range(20):
        grant, barrier, codes = (
            a_grant(Limit(f"l{trial}", 50, 60), Limit(f"m{trial}", 60, 60)),
            threading.Barrier(8),
            [],
        )

        def work(grant: Grant = grant, barrier: Any = barrier, codes: list[bool] = codes) -> None:
            barrier.wait()
            for _ in range(10):
                while isinstance(answer := leases.take(grant, 1, 0), list):
                    with lock:
                        shares = store.lease(answer)
                    leases.fill(answer, shares, 0)
                codes.append(isinstance(answer, Refused))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes.count(False) == 50
