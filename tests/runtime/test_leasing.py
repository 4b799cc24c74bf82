"""The thread that leases: wishes that come up together share a transaction, and shares are renewed before they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tests.runtime.test_leases import Store, a_grant, verify
from tests.servers.waiting import until
from tokenry.core.counters import Want
from tokenry.core.errors import StoreUnavailable
from tokenry.core.limits import SECOND, Limit
from tokenry.runtime.leases import Leases
from tokenry.runtime.leasing import Gathered, Leasing


class Site:
    """Counters with their thread, and a store that can be made to wait."""

    def __init__(self, *, background: bool = True) -> None:
        self.leases, self.store, self.open = Leases(), Store(), threading.Event()
        self.open.set()
        self.batches: list[Sequence[Want]] = []
        self.leasing = Leasing(self.leases, self.lease, lambda: 0, background=background)

    def lease(self, wants: Sequence[Want]) -> bool:
        self.batches.append(wants)
        self.open.wait(10)
        self.leases.fill(wants, self.store.lease(wants), 0)
        return True

    def wants(self, name: str) -> list[Want]:
        found = self.leases.take(a_grant(Limit(name, 1000, 60)), 1, 0)
        assert isinstance(found, list)
        return found


@pytest.fixture
def site() -> Any:
    found = Site()
    yield found
    found.open.set()
    found.leasing.stop()


def test_what_is_asked_while_a_lease_is_under_way_is_leased_in_one_transaction(site: Site) -> None:
    site.open.clear()
    first = site.leasing.ask(site.wants("first"))
    until(lambda: site.batches)
    others = [site.leasing.ask(site.wants(f"other{number}")) for number in range(20)]
    site.open.set()
    assert [one.result(10) for one in (first, *others)] == [True] * 21
    assert [len(batch) for batch in site.batches] == [1, 20]


def test_a_share_is_renewed_ahead_when_half_of_it_is_used_up(site: Site) -> None:
    grant = a_grant(Limit("m", 10_000, 60))
    verify(site.leases, site.store, grant, 0)
    for _ in range(49):
        assert isinstance(site.leases.take(grant, 1, 0), tuple)
    assert site.batches == []
    assert isinstance(site.leases.take(grant, 1, 0), tuple)
    until(lambda: site.store.leases == 2)
    until(lambda: site.leases.held("key_1", Limit("m", 10_000, 60), 0) > 49)


def test_a_key_in_use_waits_for_one_lease_and_for_no_other(site: Site) -> None:
    grant, waited = a_grant(Limit("m", 10**6, 60)), 0
    for number in range(30_000):
        answer = site.leases.take(grant, 1, 0)
        if isinstance(answer, list):
            waited += 1
            site.lease(answer)
        elif number % 1000 == 0:
            until(lambda: site.leases._due == [])
    assert waited <= 2


def test_shares_grow_with_use_up_to_a_bound_and_shrink_again() -> None:
    leases, store, grant, sizes = Leases(), Store(), a_grant(Limit("m", 10**6, 3600)), []
    now = 0
    for pause in [0] * 6 + [60 * SECOND] * 4:
        now += pause
        verify(leases, store, grant, now)
        sizes.append(leases.held("key_1", Limit("m", 10**6, 3600), 0) + 1)
        leases.take(grant, sizes[-1] - 1, now)
    assert sizes == [10_000, 20_000, 40_000, 40_000, 40_000, 40_000, 20_000, 10_000, 10_000, 10_000]


def test_used_up_limits_are_asked_about_less_and_less_often() -> None:
    leases, store, grant = Leases(), Store(), a_grant(Limit("m", 1, 3600))
    for tenth in range(100):
        verify(leases, store, grant, tenth * SECOND // 10)
    assert store.leases <= 16


def test_nothing_of_a_low_limit_is_leased_ahead(site: Site) -> None:
    grant = a_grant(Limit("m", 49, 60))
    for _ in range(9):
        verify(site.leases, site.store, grant, 0)
    assert site.leases.due(0) == []
    assert site.store.taken("m", 0) == 9


def test_nothing_is_renewed_ahead_where_nothing_runs_in_the_background() -> None:
    site = Site(background=False)
    grant = a_grant(Limit("m", 10_000, 60))
    verify(site.leases, site.store, grant, 0)
    assert isinstance(site.leases.take(grant, 99, 0), tuple)
    assert site.leases.due(0) == []
    assert site.leasing._thread is None


def test_an_error_reaches_everybody_who_asked_and_the_thread_goes_on(site: Site) -> None:
    def fail(wants: Sequence[Want]) -> bool:
        raise StoreUnavailable("down")

    site.leasing._lease = fail
    asked = [site.leasing.ask(site.wants(name)) for name in ("a", "b")]
    for one in asked:
        with pytest.raises(StoreUnavailable):
            one.result(10)
    site.leasing._lease = site.lease
    assert site.leasing.ask(site.wants("c")).result(10)


def test_a_stopped_thread_leases_what_was_asked_before_and_what_is_asked_later_is_done_at_once(site: Site) -> None:
    site.open.clear()
    asked = [site.leasing.ask(site.wants(name)) for name in ("a", "b")]
    site.open.set()
    site.leasing.stop()
    assert [one.result(0) for one in asked] == [True, True]
    assert site.leasing.ask(site.wants("c")).result(0)


def test_a_forked_child_begins_with_a_thread_of_its_own(site: Site) -> None:
    assert site.leasing.ask(site.wants("a")).result(10)
    parents = site.leasing._thread
    site.leasing.stop()
    site.leasing.forget()
    assert site.leasing.ask(site.wants("b")).result(10)
    assert site.leasing._thread is not parents


def test_a_caller_who_has_gone_away_takes_nothing(site: Site) -> None:
    site.open.clear()
    site.leasing.ask(site.wants("first"))
    until(lambda: site.batches)
    gone = site.leasing.ask(site.wants("gone"))
    assert gone.cancel()
    site.open.set()
    assert site.leasing.ask(site.wants("last")).result(10)
    assert {want.limit.name for batch in site.batches for want in batch} == {"first", "last"}


@pytest.mark.parametrize("free", [True, False])
def test_callers_of_one_loop_are_leased_for_together_by_a_thread_if_that_must_wait(site: Site, free: bool) -> None:
    at_once: list[int] = []

    def lease(wants: Sequence[Want]) -> bool:
        at_once.append(len(wants))
        return free and site.lease(wants)

    async def ask() -> list[bool]:
        gathered = Gathered(site.leasing, lease)
        return await asyncio.gather(*[gathered.ask(site.wants(f"m{number}")) for number in range(40)])

    assert asyncio.run(ask()) == [True] * 40
    assert at_once == [32, 8]
    assert sum(map(len, site.batches)) == 40


def test_an_error_of_the_thread_reaches_the_callers_of_a_loop(site: Site) -> None:
    def fail(wants: Sequence[Want]) -> bool:
        raise StoreUnavailable("down")

    async def ask() -> None:
        gathered = Gathered(site.leasing, lambda wants: False)
        given_up = gathered.ask(site.wants("gone"))
        given_up.cancel()
        with pytest.raises(StoreUnavailable):
            await gathered.ask(site.wants("m"))

    site.leasing._lease = fail
    asyncio.run(ask())


def test_an_error_that_nobody_expects_reaches_every_caller_of_the_loop(site: Site) -> None:
    def fail(wants: Sequence[Want]) -> bool:
        raise LookupError

    async def work() -> list[Any]:
        gathered = Gathered(site.leasing, fail)
        async with asyncio.timeout(10):
            return await asyncio.gather(*[gathered.ask([]) for _ in range(3)], return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(work())] == [LookupError] * 3


def test_what_is_asked_while_the_thread_is_stopped_is_done_all_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = site.leasing._start

    def start_and_stop() -> bool:
        runs = start()
        site.leasing.stop()
        return runs

    monkeypatch.setattr(site.leasing, "_start", start_and_stop)
    assert site.leasing.ask(site.wants("late")).result(10)
