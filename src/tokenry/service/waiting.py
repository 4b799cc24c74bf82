"""Waiting for events that are not there yet."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

from tokenry.core.model import Event, Page

_LOOK_SECONDS: Final = 0.5
"""How often to look for events of other processes: only events of this process wake a wait."""

Subscribe: TypeAlias = Callable[[Callable[[Event], object]], Callable[[], None]]


def waited(subscribe: Subscribe, look: Callable[[], Page[Event]], wait: timedelta) -> Page[Event]:
    """Return the first page with an event, or an empty page after `wait`."""
    arrived = threading.Event()
    stop = subscribe(lambda event: arrived.set())  # before the first look, or an event in between would be missed
    try:
        until = time.monotonic() + wait.total_seconds()
        while True:
            arrived.clear()
            page = look()
            left = until - time.monotonic()
            if page.items or page.next_cursor is not None or left <= 0:
                return page
            arrived.wait(min(left, _LOOK_SECONDS))
    finally:
        stop()


async def waited_for(subscribe: Subscribe, look: Callable[[], Awaitable[Page[Event]]], wait: timedelta) -> Page[Event]:
    """Return the first page with an event, or an empty page after `wait`. It blocks no thread."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()

    def note(event: Event) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(arrived.set)

    stop = subscribe(note)
    try:
        until = loop.time() + wait.total_seconds()
        while True:
            arrived.clear()
            page = await look()
            left = until - loop.time()
            if page.items or page.next_cursor is not None or left <= 0:
                return page
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                    await arrived.wait()
    finally:
        stop()
