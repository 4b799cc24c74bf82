"""Failures per address."""

from datetime import timedelta

from tokenry.core.model import micros
from tokenry.runtime.throttle import Throttle
from tokenry.testing import FakeClock

ATTACKER, OTHER = "203.0.113.7", "203.0.113.8"


def make(clock: FakeClock | None = None, **knobs: int) -> Throttle:
    clock = clock or FakeClock()
    return Throttle(lambda: micros(clock.now()), **knobs)


def test_a_hundred_failures_in_15_minutes_are_told_and_no_more() -> None:
    clock = FakeClock()
    throttle = make(clock)
    assert [throttle.failed(ATTACKER) for _ in range(100)] == [None] * 100
    clock.advance(timedelta(minutes=5))
    assert throttle.failed(ATTACKER) == 600
    clock.advance(timedelta(minutes=9, seconds=59, microseconds=1))
    assert throttle.failed(ATTACKER) == 1
    clock.advance(timedelta(seconds=1))
    assert throttle.failed(ATTACKER) is None


def test_addresses_are_counted_apart_and_unknown_ones_together() -> None:
    throttle = make(most=1)
    assert throttle.failed(ATTACKER) is None
    assert throttle.failed(OTHER) is None
    assert throttle.failed(None) is None
    assert throttle.failed("nonsense") is not None
    assert throttle.failed(ATTACKER) is not None


def test_ipv6_is_counted_by_its_64_network_and_a_mapped_address_as_ipv4() -> None:
    throttle = make(most=1)
    assert throttle.failed("2001:db8:1:2::1") is None
    assert throttle.failed("2001:db8:1:2:ffff::9") is not None
    assert throttle.failed("2001:db8:1:3::1") is None
    assert throttle.failed(ATTACKER) is None
    assert throttle.failed(f"::ffff:{ATTACKER}") is not None


def test_a_clock_that_was_set_back_throttles_nobody_for_longer() -> None:
    clock = FakeClock()
    throttle = make(clock, most=1)
    assert throttle.failed(ATTACKER) is None
    clock.advance(timedelta(days=-1))
    assert throttle.failed(ATTACKER) is None
    assert throttle.failed(ATTACKER) == 900


def test_memory_is_bounded_and_a_busy_address_is_not_forgotten() -> None:
    throttle = make(most=10, entries=100)
    for _ in range(10):
        throttle.failed(ATTACKER)
    for number in range(10_000):
        throttle.failed(f"10.0.{number // 250}.{number % 250}")
        if number % 20 == 0:
            assert throttle.failed(ATTACKER) is not None
    assert len(throttle) <= 100


def test_what_is_forgotten_is_freed_one_by_one() -> None:
    throttle = Throttle(lambda: 0, entries=20)
    left = []
    for number in range(31):
        throttle.failed(f"198.51.100.{number}")
        left.append(len(throttle._dropped))
    assert left == [0] * 20 + [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9]
