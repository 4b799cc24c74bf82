"""A system counts as down after silences to several places; one place alone stops only itself."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta

import pytest

from tokenry.core.model import micros
from tokenry.runtime.outage import Outage
from tokenry.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outage(clock: FakeClock) -> Outage:
    return Outage(lambda: micros(clock.now()))


def silent(outage: Outage, *places: Hashable) -> None:
    for place in places:
        assert outage.begin(place)
        outage.silent(place)
        outage.end()


def answered(outage: Outage, place: Hashable) -> None:
    assert outage.begin(place)
    outage.answered(place)
    outage.end()


def test_one_place_stops_only_itself(outage: Outage, clock: FakeClock) -> None:
    silent(outage, "a", "a", "a")
    assert not outage.begin("a")
    answered(outage, "b")
    clock.advance(timedelta(seconds=10))
    silent(outage, "a")
    assert outage.is_held("a")
    assert not outage.is_held("b")


def test_three_places_stop_all_for_ten_seconds(outage: Outage, clock: FakeClock) -> None:
    silent(outage, "a", "b", "c")
    assert outage.is_held("d")
    clock.advance(timedelta(seconds=10))
    assert not outage.is_held("d")


@pytest.mark.parametrize("seconds", [0, 61])
def test_an_answer_or_a_minute_between_silences_means_that_the_system_runs(
    outage: Outage, clock: FakeClock, seconds: int
) -> None:
    silent(outage, "a", "b")
    if seconds:
        clock.advance(timedelta(seconds=seconds))
    else:
        answered(outage, "d")
    silent(outage, "c")
    assert not outage.is_held("d")


def test_after_an_outage_one_question_at_a_time_is_asked_until_there_is_an_answer(
    outage: Outage, clock: FakeClock
) -> None:
    silent(outage, "a", "b", "c")
    clock.advance(timedelta(seconds=10))
    assert outage.begin("d")
    assert not outage.begin("e")
    outage.silent("d")
    outage.end()
    answered(outage, "e")
    assert outage.begin("d")
    assert outage.begin("e")


def test_what_is_remembered_is_bounded(outage: Outage) -> None:
    for n in range(5_000):
        answered(outage, "other")
        silent(outage, n)
    assert len(outage) <= 4096
