"""Full garbage collections while the process is idle: each one stops all threads, longer the more objects there are.

Requests leave no reference cycles. So the collector visits only young objects, each once, fifty times a second: the
new objects of so short a time take less than a millisecond. Python itself counts allocations less deallocations; if
new objects replace old ones, Python would wait for tens of thousands.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import AsyncIterator, Callable

_YOUNG, _NEVER = 1_000, 1_000_000_000
_YOUNG_SECONDS = 0.02
_LOOK = 50
"""How many young collections run before each check whether a full collection is due."""
_PAUSE, _LATEST = 60, 3600
"""The fewest checks between two full collections, and the most, even for a busy process."""


class Collecting:
    """Decides at each check whether to collect everything."""

    def __init__(self, answered: Callable[[], int]) -> None:
        """Store the function that counts answered requests."""
        self._answered = answered
        self._seen = self._collected = answered()
        self._looks = 0

    def is_due(self) -> bool:
        """Return whether to collect now: requests were answered since the last time, and none since the last check."""
        count, self._looks = self._answered(), self._looks + 1
        is_idle, self._seen = count == self._seen, count
        if count == self._collected or not (self._looks >= _LATEST or (is_idle and self._looks >= _PAUSE)):
            return False
        self._collected, self._looks = count, 0
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Collect while the block runs. Objects that exist at its beginning are frozen and never visited again."""
        gc.collect()
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(_YOUNG, _NEVER, _NEVER)
        task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            gc.set_threshold(*before)

    async def _run(self) -> None:
        answered = -1
        for turn in itertools.count(1):
            await asyncio.sleep(_YOUNG_SECONDS)
            if answered != self._answered():
                answered = self._answered()
                gc.collect(0)
            if turn % _LOOK == 0 and self.is_due():
                gc.collect()
