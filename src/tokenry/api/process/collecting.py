"""Full garbage collections at moments when nobody waits: each stops all threads for as long as there are objects.

Answering requests leaves nothing behind that only the collector could free. So young objects are all it looks at by
itself, once each, and few at a time: 1,000 take a few tenths of a millisecond.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable

_YOUNG, _NEVER = 1_000, 1_000_000_000
_LOOK_SECONDS = 1.0
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
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.is_due():
                gc.collect()
