"""The time of a process. It never goes backwards: nothing expired comes back to life when a clock is set."""

from __future__ import annotations

from collections.abc import Callable
from time import CLOCK_BOOTTIME, clock_gettime, time
from typing import Any

from tokenry.core.errors import ConfigError
from tokenry.core.model import micros


class SystemClock:
    """The wall clock, carried on by the boot clock whenever the wall clock jumps back."""

    def __init__(self) -> None:
        self._booted_at = 0.0

    def __call__(self) -> int:
        """Return microseconds since the epoch."""
        wall, boot = time(), clock_gettime(CLOCK_BOOTTIME)
        carried = self._booted_at + boot
        if wall < carried:
            return int(carried * 1_000_000)
        self._booted_at = wall - boot
        return int(wall * 1_000_000)


def clock_of(clock: Any) -> Callable[[], int]:
    """Return a function for the microseconds since the epoch, by the system or `clock.now()`; raise ConfigError."""
    if clock is None:
        return SystemClock()
    if not hasattr(clock, "now"):
        raise ConfigError("clock= takes an object whose now() returns an aware datetime, such as a FakeClock")
    return lambda: micros(clock.now())
