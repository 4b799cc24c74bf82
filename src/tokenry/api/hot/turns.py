"""Connections that have sent many requests at once go on one after the other, a few milliseconds at a time.

One read may hold thousands of requests. A thousand connections with such a read must not keep a new one waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

TURN_SECONDS = 0.005


class Waiting(Protocol):
    """A connection with requests that were read and are not parsed yet."""

    def go_on(self) -> None: ...


class Turns:
    """The connections of one event loop that wait for their turn."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()

    def __bool__(self) -> bool:
        """Whether a connection waits."""
        return bool(self._waiting)

    def add(self, connection: Waiting, loop: asyncio.AbstractEventLoop) -> None:
        """Let a connection go on after those that wait already."""
        if not self._waiting:
            loop.call_soon(self._run, loop)
        self._waiting.append(connection)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        end = time.perf_counter() + TURN_SECONDS
        try:
            for _ in range(len(self._waiting)):
                # A connection that has to wait again is added behind the others. Until then the first stays in the
                # queue, or adding it would start a second run.
                try:
                    self._waiting[0].go_on()
                finally:
                    self._waiting.popleft()
                if time.perf_counter() > end:
                    break
        finally:
            if self._waiting:
                loop.call_soon(self._run, loop)
