"""The time of a process never goes backwards, whatever somebody does to the wall clock."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tokenry import Tokenry
from tokenry.runtime import clock
from tokenry.runtime.clock import SystemClock

HOUR, DAY, YEAR = 3600.0, 86_400.0, 366 * 86_400.0


class Clocks:
    """A wall clock that can be set, and a boot clock that only ever goes on."""

    def __init__(self) -> None:
        self.wall, self.boot = time.time(), 1000.0

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    turned = Clocks()
    with monkeypatch.context() as patched:
        patched.setattr(clock, "time", lambda: turned.wall)
        patched.setattr(clock, "clock_gettime", lambda which: turned.boot)
        yield turned


def test_it_goes_by_the_wall_clock(clocks: Clocks) -> None:
    now = SystemClock()
    first = now()
    assert abs(first - clocks.wall * 1e6) < 2
    clocks.advance(10)
    assert abs(now() - first - 10_000_000) < 2
    clocks.wall += YEAR  # set forward: that is believed
    assert abs(now() - clocks.wall * 1e6) < 2


@pytest.mark.parametrize("back", [1.0, HOUR, YEAR])
def test_it_goes_on_by_the_boot_clock_when_the_wall_clock_is_set_back(clocks: Clocks, back: float) -> None:
    now = SystemClock()
    first = now()
    clocks.wall -= back
    assert 0 <= now() - first < 2
    clocks.advance(30)
    assert abs(now() - first - 30_000_000) < 2


def test_it_never_goes_backwards_on_any_walk(clocks: Clocks) -> None:
    chance = random.Random(1)
    now = SystemClock()
    before = now()
    for step in range(100_000):
        clocks.boot += chance.choice([0, 1e-7, 1e-6, 0.001, 1.0])
        clocks.wall += chance.choice([0, 1e-7, 1e-6, 0.001, 1.0, 1.0, HOUR, -1e-7, -1e-6, -0.001, -1.0, -HOUR, -DAY])
        after = now()
        assert after >= before, f"step {step}: back by {before - after} microseconds"
        before = after


@pytest.mark.parametrize("back", [HOUR, YEAR])
def test_an_expired_key_stays_expired_when_the_wall_clock_jumps_back(clocks: Clocks, back: float) -> None:
    with Tokenry("sqlite://") as tk:
        tk.owners.put("u")
        secret = tk.keys.issue(owner="u", name="k", expires_in=timedelta(seconds=60)).secret
        assert tk.verify(secret)
        clocks.advance(59)
        assert tk.verify(secret)
        clocks.advance(1)
        assert tk.verify(secret).code == "expired"
        clocks.wall -= back
        assert tk.verify(secret).code == "expired"
        clocks.advance(5)
        assert tk.verify(secret).code == "expired"


def test_a_jump_back_brings_no_old_secret_of_a_rotation_back_to_life(clocks: Clocks) -> None:
    with Tokenry("sqlite://") as tk:
        tk.owners.put("u")
        issued = tk.keys.issue(owner="u", name="k")
        tk.keys.rotate(issued.key.id, grace=timedelta(seconds=60))
        assert tk.verify(issued.secret)
        clocks.advance(60)
        assert tk.verify(issued.secret).code == "revoked"
        clocks.wall -= HOUR
        assert tk.verify(issued.secret).code == "revoked"


def test_the_real_clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    now, before = SystemClock(), 0
    for _ in range(100_000):
        after = now()
        assert after >= before
        before = after
    assert abs(datetime.now(UTC).timestamp() * 1e6 - before) < 5e6
