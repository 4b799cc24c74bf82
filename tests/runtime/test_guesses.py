"""Unknown foreign keys: each costs a lookup, so while many fail those that failed before get none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tokenry.core.model import micros
from tokenry.runtime.guesses import Guesses
from tokenry.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def guesses(clock: FakeClock) -> Guesses:
    return Guesses(lambda: micros(clock.now()))


def looked_up(guesses: Guesses, *addresses: str | None) -> int:
    """Return how many unknown keys, one of each address, are looked up."""
    count = 0
    for ip in addresses:
        if guesses.begin(ip) is None:
            guesses.failed(ip)
            count += 1
    return count


def test_an_address_gets_fewer_lookups_the_more_of_them_have_failed(guesses: Guesses, clock: FakeClock) -> None:
    assert looked_up(guesses, *["192.0.2.1"] * 1000) == 100
    fresh = [f"198.51.{n // 250}.{n % 250}" for n in range(1000)]
    assert looked_up(guesses, *fresh) == 300
    clock.advance(timedelta(seconds=1))
    assert looked_up(guesses, *fresh[:300]) == 200
    assert looked_up(guesses, "192.0.2.1", None, fresh[0]) == 1, "unknown addresses are one that has not failed yet"
    assert guesses.begin("203.0.113.1") is None


def test_a_few_unknown_keys_are_always_looked_up(guesses: Guesses, clock: FakeClock) -> None:
    for _ in range(20):
        assert looked_up(guesses, *["192.0.2.1"] * 99, "203.0.113.1") == 100
        clock.advance(timedelta(seconds=1))


def test_lookups_that_find_their_key_are_free(guesses: Guesses) -> None:
    for _ in range(2000):
        assert guesses.begin("192.0.2.1") is None
        guesses.found()


def test_the_caller_is_told_to_come_again_in_a_second(guesses: Guesses, clock: FakeClock) -> None:
    assert looked_up(guesses, *["192.0.2.1"] * 100) == 100
    assert guesses.begin("192.0.2.1") == 1
    clock.advance(timedelta(seconds=1))
    assert guesses.begin("192.0.2.1") is None
