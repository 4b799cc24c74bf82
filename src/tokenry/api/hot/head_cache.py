"""Cache of parsed request heads: an identical head from any client is not parsed again.

A proxy asks about the same client on any free connection. Only requests with a valid credential are kept, so that junk
evicts nothing. A head that is not sent any more is forgotten within twenty seconds.
"""

from __future__ import annotations

import asyncio

from tokenry.edge import KIB, MIB, Memo

from .request import Request

BYTES_MAX = 16 * MIB
LENGTH_MAX = 2048
KEPT_SECONDS = 10.0
_SLICE, _FREE_SECONDS = 200, 0.01
_FIELD_BYTES = 150
_REQUEST_BYTES = 1500
_END = b"\r\n\r\n"


class Heads:
    """Heads by peer and by all their bytes, together at most `BYTES_MAX`."""

    def __init__(self) -> None:
        self._known: Memo[tuple[str | None, bytes], Request] = Memo(_size, bytes_max=BYTES_MAX, each_max=32 * KIB)
        self._timer: asyncio.TimerHandle | None = None

    def get(self, peer: str | None, data: bytes) -> Request | None:
        """Return a new request for a head without a body that was answered before."""
        if self._timer is None or not data.endswith(_END):
            return None
        found = self._known.get((peer, data))
        return None if found is None else found.twin()

    def keep(self, peer: str | None, data: bytes, asked: Request, loop: asyncio.AbstractEventLoop) -> None:
        """Keep a head that has been parsed and answered, unless it is large."""
        if len(data) > LENGTH_MAX:
            return
        self._known.put((peer, data), asked)
        if self._timer is None:
            self._timer = loop.call_later(KEPT_SECONDS, self._age, loop)

    def _age(self, loop: asyncio.AbstractEventLoop) -> None:
        self._known.age()
        self._free(loop)

    def _free(self, loop: asyncio.AbstractEventLoop) -> None:
        """Free forgotten heads in slices: freeing all at once would stop the loop for milliseconds."""
        if self._known.free(_SLICE):
            self._timer = loop.call_later(_FREE_SECONDS, self._free, loop)
        else:
            self._timer = None if self._known.is_empty else loop.call_later(KEPT_SECONDS, self._age, loop)


def _size(place: tuple[str | None, bytes], asked: Request) -> int:
    return 2 * len(place[1]) + _FIELD_BYTES * len(asked.fields) + _REQUEST_BYTES
