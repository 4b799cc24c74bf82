"""Limits: the arithmetic of windows, shares that waste little, and an oracle for what is admitted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import limits as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenry.core.limits import (
    SECOND,
    CountedLimit,
    Limit,
    check_list,
    reset_at,
    seconds_until,
    state,
    window_of,
)
from tokenry.testing import FakeClock, throwaway

SECONDS = st.integers(1, 366 * 86_400)
MOMENTS = st.integers(0, 10**16)
START = datetime(2026, 1, 1, tzinfo=UTC)


@given(SECONDS, MOMENTS)
def test_a_moment_lies_in_exactly_one_window(seconds: int, now: int) -> None:
    limit = Limit("a", 1, seconds)
    window = window_of(limit, now)
    assert reset_at(limit, window - 1) <= now < reset_at(limit, window)
    assert reset_at(limit, window) - reset_at(limit, window - 1) == seconds * SECOND
    assert reset_at(limit, window) % (seconds * SECOND) == 0


@given(SECONDS, MOMENTS)
def test_after_the_seconds_until_a_reset_the_window_is_over_and_before_it_is_not(seconds: int, now: int) -> None:
    limit = Limit("a", 1, seconds)
    window = window_of(limit, now)
    wait = seconds_until(reset_at(limit, window), now)
    assert 1 <= wait <= seconds
    assert window_of(limit, now + wait * SECOND) == window + 1
    assert window_of(limit, now + (wait - 1) * SECOND) == window


@given(st.integers(1, 10**12), st.integers(-5, 10**12))
def test_a_state_never_shows_less_than_nothing(count: int, remaining: int) -> None:
    shown = state(CountedLimit("a", count, 60), 0, remaining)
    assert shown.remaining == max(0, remaining)
    assert shown.reset_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [7, "a", {"a": 1}, None, [None], [{"name": "a"}]])
def test_what_is_no_list_of_limits_is_named(value: object) -> None:
    errors: list = []  # type: ignore[type-arg]
    assert check_list("limits", value, errors) == ()
    assert errors


CALLS = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 45, allow_nan=False, allow_infinity=False)), min_size=1, max_size=60
)


@settings(max_examples=30)
@given(st.integers(1, 12), st.sampled_from([1, 10, 60]), CALLS)
def test_what_is_admitted_equals_a_fixed_window_of_another_hand(
    count: int, seconds: int, calls: list[tuple[int, float]]
) -> None:
    clock = FakeClock(START)
    storage = oracle.storage.MemoryStorage()
    other = oracle.strategies.FixedWindowRateLimiter(storage)
    item = oracle.RateLimitItemPerYear(count)
    with throwaway(clock=clock) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", limits=[Limit("a", count, seconds)], expires_in=None)
        for cost, later in calls:
            clock.advance(timedelta(seconds=later))
            window = str(int((clock.now() - START).total_seconds()) // seconds)
            expected = other.test(item, window, cost=cost) if cost else True
            if cost and expected:
                other.hit(item, window, cost=cost)
            verdict = tk.verify(issued.secret, cost=cost)
            assert bool(verdict) == expected
            assert verdict.limits[0].remaining == other.get_window_stats(item, window).remaining
    if storage.timer is not None:
        storage.timer.cancel()
