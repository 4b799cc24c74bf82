"""Heads of requests that come again, whoever sends them: what was read of one holds for the next that is the same.

A proxy asks about the same client on whichever of its connections is free. Kept are requests that let somebody in, and
those alone, so that junk drives nothing out; one that nobody sends any more is forgotten within twenty seconds.
"""

from __future__ import annotations

import asyncio

from .hot import Request

HEADS_MAX = 2048
LENGTH_MAX = 2048
KEPT_SECONDS = 10.0
_END = b"\r\n\r\n"


class Heads:
    """At most twice `HEADS_MAX` heads, by who is connected and every byte of them."""

    def __init__(self) -> None:
        self._young: dict[tuple[str | None, bytes], Request] = {}
        self._old: dict[tuple[str | None, bytes], Request] = {}
        self._timer: asyncio.TimerHandle | None = None

    def get(self, peer: str | None, data: bytes) -> Request | None:
        """Return a request of its own for a head without a body that was answered before."""
        if not (self._young or self._old) or not data.endswith(_END):
            return None
        place = (peer, data)
        found = self._young.get(place)
        if found is None:
            found = self._old.get(place)
            if found is None:
                return None
            self._put(place, found)
        return found.twin()

    def keep(self, peer: str | None, data: bytes, asked: Request, loop: asyncio.AbstractEventLoop) -> None:
        """Keep a head that has been parsed and answered, unless it is large."""
        if len(data) > LENGTH_MAX:
            return
        self._put((peer, data), asked)
        if self._timer is None:
            self._timer = loop.call_later(KEPT_SECONDS, self._age, loop)

    def _put(self, place: tuple[str | None, bytes], asked: Request) -> None:
        if len(self._young) >= HEADS_MAX:
            self._old, self._young = self._young, {}
        self._young[place] = asked

    def _age(self, loop: asyncio.AbstractEventLoop) -> None:
        self._old, self._young = self._young, {}
        self._timer = loop.call_later(KEPT_SECONDS, self._age, loop) if self._old else None
