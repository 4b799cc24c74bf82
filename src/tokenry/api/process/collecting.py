"""Full garbage collections at moments when nobody waits: each stops all threads for as long as there are objects.

Answering requests leaves nothing behind that only the collector could free. So it looks at young objects only, once
each, and fifty times a second: what is new in so short a time takes less than a millisecond. Python by itself counts
what is made less what is freed, and where old objects make room for new ones it would wait for tens of thousands.
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
"""How often young objects are collected before there is a look whether it is time for all of them."""
_PAUSE, _LATEST = 60, 3600
"""How many looks lie between two full collections: at least, and at most however busy the process is."""


class Collecting:
    """Decides at each look whether to collect everything."""

    def __init__(self, answered: Callable[[], int]) -> None:
        """Take what counts the requests that were answered."""
        self._answered = answered
        self._seen = self._collected = answered()
        self._looks = 0

    def is_due(self) -> bool:
        """Tell whether to collect now: something was answered since the last time, and nothing since the last look."""
        count, self._looks = self._answered(), self._looks + 1
        is_idle, self._seen = count == self._seen, count
        if count == self._collected or not (self._looks >= _LATEST or (is_idle and self._looks >= _PAUSE)):
            return False
        self._collected, self._looks = count, 0
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Collect while the block runs. What is here when it begins stays to the end and is never looked at again."""
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
