"""Slow tests: each made once, a few at a time, within the budgets of an address and of a hint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tokenry.core.model import micros
from tokenry.core.verdict import Refused
from tokenry.runtime.slow_checks import HINT_MAX, WAITING_MAX, SlowChecks
from tokenry.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def checks(clock: FakeClock) -> Iterator[SlowChecks]:
    made = SlowChecks(lambda: micros(clock.now()))
    yield made
    made.close()


def wrong(checks: SlowChecks, number: object, hint: str = "h", ip: str | None = "192.0.2.1") -> bool | int | None:
    """Return what became of a wrong key: False, or for how many seconds it is throttled."""
    found = checks.begin(number, lambda: False, hint, ip).result()
    return found.retry_after if isinstance(found, Refused) else found


def test_an_address_has_ten_wrong_keys_for_a_hint_and_others_go_on(checks: SlowChecks, clock: FakeClock) -> None:
    assert [wrong(checks, n) for n in range(10)] == [False] * 10
    assert wrong(checks, 10) == 900
    assert checks.begin(11, lambda: True, "h", "192.0.2.2").result() is True
    clock.advance(timedelta(minutes=15))
    assert wrong(checks, 12) is False


def test_an_address_has_thirty_wrong_keys_for_all_hints(checks: SlowChecks) -> None:
    results = [wrong(checks, n, f"hint {n}") for n in range(31)]
    assert results == [False] * 30 + [900]


def test_however_many_addresses_fail_another_one_may_show_the_right_key(checks: SlowChecks) -> None:
    results = [wrong(checks, n, ip=f"192.0.2.{n % 100}") for n in range(1000)]
    assert results == [False] * 1000
    assert checks.begin("right", lambda: True, "h", "198.51.100.1").result() is True


def test_callers_without_an_address_have_sixty_for_a_hint_in_a_minute(checks: SlowChecks, clock: FakeClock) -> None:
    assert [wrong(checks, n, ip=None) for n in range(61)] == [False] * 60 + [60]
    assert checks.begin("right", lambda: True, "h", "198.51.100.1").result() is True
    clock.advance(timedelta(minutes=1))
    assert wrong(checks, 99, ip=None) is False


def test_right_keys_take_nothing_from_the_budgets(checks: SlowChecks) -> None:
    results = [checks.begin(n, lambda: True, "h", "192.0.2.1").result() for n in range(100)]
    assert results == [True] * 100


def test_an_unknown_address_has_no_budget_of_its_own(checks: SlowChecks) -> None:
    assert [wrong(checks, n, f"hint {n}", None) for n in range(100)] == [False] * 100


def test_the_same_test_is_made_once_and_few_wait(checks: SlowChecks) -> None:
    go, runs = threading.Event(), []

    def test() -> bool:
        runs.append(1)
        return go.wait(30)

    same = [checks.begin("same", test, "h", "192.0.2.1") for _ in range(5)]
    others = [checks.begin(n, test, f"h{n}", f"198.51.100.{n}") for n in range(WAITING_MAX + 3)]
    assert others[-1].result() == Refused("throttled", 1)
    go.set()
    assert {future.result() for future in same} == {True}
    assert [future.result() for future in others].count(True) == WAITING_MAX - 1
    assert len(runs) == WAITING_MAX


def test_nothing_begins_after_the_end(checks: SlowChecks) -> None:
    checks.close()
    assert checks.begin(1, lambda: True, "h", None).result() == Refused("throttled", 1)


def test_one_hint_does_not_take_all_places_and_failed_addresses_take_half_of_them(checks: SlowChecks) -> None:
    go = threading.Event()
    for n in range(HINT_MAX):
        assert wrong(checks, f"before {n}", ip=f"192.0.2.{n}") is False
    failed = [checks.begin(n, go.wait, "h", f"192.0.2.{n}") for n in range(HINT_MAX)]
    fresh = [checks.begin(-1 - n, go.wait, "h", f"198.51.100.{n}") for n in range(HINT_MAX)]
    other = checks.begin("other", go.wait, "other", "203.0.113.1")
    go.set()
    half = HINT_MAX // 2
    assert [future.result() for future in failed] == [True] * half + [Refused("throttled", 1)] * half
    assert [future.result() for future in fresh] == [True] * half + [Refused("throttled", 1)] * half
    assert other.result() is True


def test_a_caller_that_gives_up_takes_the_test_from_nobody_else(checks: SlowChecks) -> None:
    go = threading.Event()
    checks.begin("first", go.wait, "other", "192.0.2.9")  # the only thread is busy
    gone, stays = [checks.begin("same", lambda: True, "h", "192.0.2.1") for _ in range(2)]
    assert gone.cancel()
    go.set()
    assert stays.result() is True
