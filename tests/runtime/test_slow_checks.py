"""Slow tests: each made once, a few at a time, within the budgets of an address and of a hint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tokenry.core.model import micros
from tokenry.core.verdict import Refused
from tokenry.runtime.slow_checks import WAITING_MAX, SlowChecks
from tokenry.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def checks(clock: FakeClock) -> Iterator[SlowChecks]:
    made = SlowChecks(lambda: micros(clock.now()))
    yield made
    made.close()


def wrong(checks: SlowChecks, number: int, hint: str = "h", ip: str | None = "192.0.2.1") -> bool | int | None:
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


def test_a_hint_has_sixty_a_minute_from_all_addresses(checks: SlowChecks, clock: FakeClock) -> None:
    results = [wrong(checks, n, ip=f"192.0.2.{n}") for n in range(61)]
    assert results == [False] * 60 + [60]
    clock.advance(timedelta(minutes=1))
    assert wrong(checks, 99, ip="198.51.100.1") is False


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

    same = [checks.begin("same", test, "h", None) for _ in range(5)]
    others = [checks.begin(n, test, f"h{n}", None) for n in range(WAITING_MAX + 3)]
    assert others[-1].result() == Refused("throttled", 1)
    go.set()
    assert {future.result() for future in same} == {True}
    assert [future.result() for future in others].count(True) == WAITING_MAX - 1
    assert len(runs) == WAITING_MAX


def test_nothing_begins_after_the_end(checks: SlowChecks) -> None:
    checks.close()
    assert checks.begin(1, lambda: True, "h", None).result() == Refused("throttled", 1)
