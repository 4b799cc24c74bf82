"""One caller at a time finds out whether the database answers again; the others do not wait for it."""

from __future__ import annotations

import pytest

from tokenry.core.breaker import Breaker
from tokenry.core.errors import StoreUnavailable


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(5.0, 1.0, time)


def fail(breaker: Breaker, time: Time, seconds: float) -> None:
    with pytest.raises(StoreUnavailable, match="down"), breaker.attempt():  # noqa: PT012
        time.now += seconds
        raise StoreUnavailable("down")


def test_it_lets_everybody_through_while_the_database_answers(breaker: Breaker, time: Time) -> None:
    for _ in range(3):
        with breaker.attempt() as seconds:
            assert seconds == 5.0
    assert not breaker.is_open


def test_a_failure_without_a_wait_does_not_open_it(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, 2.4)
    assert not breaker.is_open
    fail(breaker, time, 2.5)
    assert breaker.is_open


def test_a_failure_after_a_wait_leaves_one_probe_at_a_time(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, 5)
    with breaker.attempt() as seconds:
        assert seconds == 1.0
        with pytest.raises(StoreUnavailable, match="asked again"), breaker.attempt():
            pass
    assert not breaker.is_open


def test_after_a_failed_probe_the_next_one_is_due_a_little_later(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, 5)
    fail(breaker, time, 0.1)
    assert breaker.is_open
    with pytest.raises(StoreUnavailable, match="asked again"), breaker.attempt():
        pass
    time.now += 0.25
    with breaker.attempt():
        pass
    assert not breaker.is_open


def test_a_probe_that_never_ends_is_not_the_last_one(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, 5)
    assert breaker.begin_probe()
    assert not breaker.begin_probe()
    time.now += 5.24
    assert not breaker.begin_probe()
    time.now += 0.01
    assert breaker.begin_probe()


def test_a_call_that_was_under_way_closes_it_too(breaker: Breaker, time: Time) -> None:
    with breaker.attempt():
        fail(breaker, time, 5)
    assert not breaker.is_open


def test_any_other_error_neither_opens_nor_closes_it(breaker: Breaker, time: Time) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), breaker.attempt():  # noqa: PT012
            time.now += 5
            raise ZeroDivisionError
    assert not breaker.is_open


def test_a_forked_child_starts_closed(breaker: Breaker, time: Time) -> None:
    fail(breaker, time, 5)
    breaker.forget()
    with breaker.attempt() as seconds:
        assert seconds == 5.0
