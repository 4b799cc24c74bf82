"""Limits that change while they are counted: the newest says how much, and what was taken stays taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Limit
from tokenry.core.decide import Ask
from tokenry.testing import FakeClock

MINUTE = 60
HOUR = 3600


def left(verdict: Any) -> list[int]:
    """Return what remained of every limit."""
    return [limit.remaining for limit in verdict.limits]


def admitted(tk: Any, secret: Any, tries: int) -> int:
    """Return how many verifications pass."""
    return sum(bool(tk.verify(secret)) for _ in range(tries))


def look_up(tk: Any, secret: Any) -> Callable[[], Any]:
    """Begin a verification that has read its row already; return what ends it."""
    verifying = getattr(tk, "thing", tk)._verifying
    verifying._memory.clear()
    steps = verifying.steps(str(secret), Ask())
    row = verifying.store.find(next(steps).kid)

    def end() -> Any:
        try:
            wish = steps.send(row)
            while True:
                wish = steps.send(verifying.lease(wish.wants))
        except StopIteration as stop:
            return stop.value

    return end


@pytest.fixture(autouse=True)
def begin_of_an_hour(clock: FakeClock) -> None:
    clock.set(datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(("before", "after"), [(10, 3), (1000, 3), (3, 10), (3, 1000)])
def test_a_lookup_under_way_does_not_bring_the_old_limit_back(
    installation: Installation, tk: Any, issue: Issue, before: int, after: int
) -> None:
    if installation.place == "async-engine":
        pytest.skip("the wishes of a greenlet are not driven by hand")
    issued = issue(limits=[Limit("a", before, HOUR)])
    assert tk.verify(issued.secret)
    end = look_up(tk, issued.secret)
    tk.keys.update(issued.key.id, limits=[Limit("a", after, HOUR)])
    assert tk.verify(issued.secret)
    assert end()
    assert admitted(tk, issued.secret, after + 5) == after - 3


@pytest.mark.lasting
def test_a_lowered_limit_counts_what_every_process_took(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 2000, HOUR)])
    other = installation.open()
    assert admitted(tk, issued.secret, 3) + admitted(other, issued.secret, 3) == 6
    tk.keys.update(issued.key.id, limits=[Limit("a", 5, HOUR)])
    assert admitted(tk, issued.secret, 9) + admitted(other, issued.secret, 9) == 0


@pytest.mark.lasting
def test_a_limit_that_was_raised_and_lowered_again_never_spends_an_old_share(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    small, large = [Limit("a", 800, HOUR)], [Limit("a", 2000, HOUR)]
    issued = issue(limits=small)
    other = installation.open()
    assert tk.verify(issued.secret)  # and holds a share
    other.keys.update(issued.key.id, limits=large)
    assert other.verify(issued.secret, cost=1500)
    other.keys.update(issued.key.id, limits=small)
    assert admitted(tk, issued.secret, 9) + admitted(other, issued.secret, 9) == 0


def test_an_update_gives_unspent_shares_back_at_once(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 10_000, HOUR)])
    assert tk.verify(issued.secret)  # leases a hundred
    tk.keys.update(issued.key.id, limits=[Limit("a", 3, HOUR)])
    assert admitted(tk, issued.secret, 9) == 2
    assert [one.remaining for one in tk.keys.limits(issued.key.id)] == [0]


def test_shorter_windows_count_what_was_taken_in_the_long_one(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 10, HOUR)])
    tk.verify(issued.secret, cost=4)
    tk.keys.update(issued.key.id, limits=[Limit("a", 5, MINUTE)])
    assert [one.remaining for one in tk.keys.limits(issued.key.id)] == [1]
    assert left(tk.verify(issued.secret)) == [0]
    assert tk.verify(issued.secret).code == "rate_limited"
    clock.advance(timedelta(minutes=1))
    assert admitted(tk, issued.secret, 9) == 5


def test_longer_windows_count_what_was_taken_in_the_short_one(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 5, MINUTE)])
    tk.verify(issued.secret, cost=4)
    clock.advance(timedelta(minutes=2))  # that window is over, the hour that it lay in is not
    tk.keys.update(issued.key.id, limits=[Limit("a", 6, HOUR)])
    assert [one.remaining for one in tk.keys.limits(issued.key.id)] == [2]
    assert admitted(tk, issued.secret, 9) == 2
    clock.advance(timedelta(hours=1))
    assert admitted(tk, issued.secret, 9) == 6


def test_windows_of_another_length_begin_empty_when_the_old_one_is_long_over(
    tk: Any, clock: FakeClock, issue: Issue
) -> None:
    issued = issue(limits=[Limit("a", 5, MINUTE)])
    tk.verify(issued.secret, cost=5)
    clock.advance(timedelta(hours=2))
    tk.keys.update(issued.key.id, limits=[Limit("a", 5, HOUR)])
    assert [one.remaining for one in tk.keys.limits(issued.key.id)] == [5]
    assert admitted(tk, issued.secret, 9) == 5


def test_a_cost_beyond_the_limit_has_no_retry_after(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 3, MINUTE), Limit("b", 10, HOUR)])
    for _ in range(2):
        refused = tk.verify(issued.secret, cost=5)
        assert (refused.code, refused.retry_after, left(refused)) == ("rate_limited", None, [3, 10])
    tk.verify(issued.secret, cost=3)
    assert tk.verify(issued.secret, cost=3).retry_after == MINUTE
