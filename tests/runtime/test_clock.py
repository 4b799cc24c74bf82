"""The clock of a process: it follows the wall, and never goes back."""

from __future__ import annotations

import pytest

from tokenry.runtime import clock
from tokenry.runtime.clock import SystemClock


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A machine whose wall clock and boot clock are set by hand."""
    times = {"wall": 1_000_000.0, "boot": 50.0}
    monkeypatch.setattr(clock, "time", lambda: times["wall"])
    monkeypatch.setattr(clock, "clock_gettime", lambda which: times["boot"])
    return times


def test_it_says_what_the_wall_says(machine: dict[str, float]) -> None:
    now = SystemClock()
    assert now() == 1_000_000_000_000
    machine["wall"] += 3600.5
    machine["boot"] += 0.5
    assert now() == 1_003_600_500_000


def test_when_the_wall_jumps_back_it_goes_on_with_the_boot_clock(machine: dict[str, float]) -> None:
    now = SystemClock()
    now()
    machine["wall"] -= 365 * 86_400
    assert now() == 1_000_000_000_000
    machine["boot"] += 10
    machine["wall"] += 10
    assert now() == 1_000_010_000_000


def test_when_the_wall_has_caught_up_it_is_followed_again(machine: dict[str, float]) -> None:
    now = SystemClock()
    now()
    machine["wall"] -= 100
    now()
    machine["wall"] += 200
    machine["boot"] += 1
    assert now() == 1_000_100_000_000


def test_it_never_goes_back_however_the_wall_is_turned(machine: dict[str, float]) -> None:
    now, seen = SystemClock(), 0
    for jump in (5, -3, 100, -1000, 0, 7, -7, 2000):
        machine["wall"] += jump
        machine["boot"] += 1
        found = now()
        assert found >= seen
        seen = found
