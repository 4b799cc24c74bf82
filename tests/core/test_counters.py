"""The rows that limits are counted in: never more than the limit, and hardly less over eight processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.counters import Count, Place, Share, Want, give_back, lease, share_of
from tokenry.core.limits import CountedLimit, first_share, largest_share

MINUTE = CountedLimit("m", 1000, 60)


def want(need: int, share: int = 0, *, window: int = 5, limit: CountedLimit = MINUTE, holder: str = "key_1") -> Want:
    return Want("ten_1", holder, limit, window, need, share)


def counted(taken: int, *, window: int = 5, seconds: int = 60) -> dict[Place, Count]:
    return {("ten_1", "key_1", "m"): Count(seconds, window, taken)}


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(-5, 10**6))
def test_a_share_covers_the_need_and_is_never_more_than_is_left(limit: int, left: int, need: int, asked: int) -> None:
    left = min(left, limit)
    share = share_of(left, need, asked)
    assert min(left, need) <= share <= left
    assert share <= max(need, asked)


@given(st.integers(1, 20_000), st.integers(1, 8), st.sampled_from([first_share, largest_share]))
def test_eight_processes_that_renew_ahead_waste_at_most_a_hundredth(limit: int, processes: int, size: object) -> None:
    assert callable(size)
    left, held, low, used = limit, [0] * processes, [0] * processes, 0
    turn = 0
    while True:
        if left and (not held[turn] or held[turn] < low[turn]):
            share = share_of(left, 1, size(limit) - held[turn])
            held[turn] += share
            left -= share
            low[turn] = held[turn] // 2
        if not held[turn]:
            break
        held[turn] -= 1
        used += 1
        turn = (turn + 1) % processes
    assert sum(held) + left + used == limit
    assert used >= limit * 0.99 - processes


@pytest.mark.parametrize(
    ("taken", "need", "share", "gets"),
    [
        (0, 1, 10, Share(5, 10, 990)),
        (960, 1, 10, Share(5, 5, 35)),
        (999, 1, 10, Share(5, 1, 0)),
        (1000, 1, 10, Share(5, 0, 0)),
        (995, 9, 10, Share(5, 0, 5)),
        (900, 20, 10, Share(5, 20, 80)),
        (900, 0, 10, Share(5, 0, 100)),
        (1200, 1, 10, Share(5, 0, 0)),
    ],
)
def test_a_wish_gets_its_need_and_a_share_or_nothing(taken: int, need: int, share: int, gets: Share) -> None:
    counts = counted(taken)
    assert lease(counts, [want(need, share)]) == [gets]
    assert counts == counted(taken + gets.units)


def test_of_wishes_for_one_limit_the_first_brings_a_share_and_the_others_need_what_is_left_of_it() -> None:
    counts = counted(0)
    assert lease(counts, [want(1, 3)] * 4) == [Share(5, 3, 997), Share(5, 0, 997), Share(5, 0, 997), Share(5, 3, 994)]
    assert lease(counts, [want(1, 3), want(1, 3, holder="key_2")]) == [Share(5, 3, 991), Share(5, 3, 997)]


def test_each_of_many_wishes_gets_what_is_left_for_it() -> None:
    assert [share.units for share in lease(counted(997), [want(2), want(2), want(1), want(1)])] == [2, 0, 1, 0]


def test_a_newer_window_begins_anew_and_an_older_wish_gets_units_of_the_newer_one() -> None:
    counts = counted(1000, window=4)
    assert lease(counts, [want(1)]) == [Share(5, 1, 999)]
    assert lease(counts, [want(1, window=3)]) == [Share(5, 1, 998)]


def test_windows_of_another_length_go_on_with_what_was_taken_if_they_reach_into_each_other() -> None:
    hour = CountedLimit("m", 1000, 3600)
    counts = counted(400, window=65)
    assert lease(counts, [want(1, window=1, limit=hour)]) == [Share(1, 1, 599)]
    counts = counted(400, window=59)
    assert lease(counts, [want(1, window=1, limit=hour)]) == [Share(1, 1, 999)]


def test_units_go_back_to_the_window_that_they_were_taken_in_and_no_other() -> None:
    counts = counted(10)
    assert lease(counts, [want(-4), want(1, 2)]) == [Share(5, 0, 0), Share(5, 2, 992)]
    give_back(counts, want(0), 3)
    assert counts == counted(5)
    for other, units in ((want(0, window=4), 1), (want(0, limit=CountedLimit("m", 1, 6)), 1), (want(0), 6)):
        give_back(counts, other, units)
    give_back(counts, want(0, holder="key_2"), 1)
    assert counts == counted(5)
