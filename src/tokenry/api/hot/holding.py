"""How much of unfinished requests all connections hold together.

A client that nobody knows yet may begin a request, and never end it. Each connection holds little of it, and together
they hold at most `BYTES_MAX`: beyond that, the request that began first is refused. An honest one ends within
milliseconds, so the first is nearly always one that will never end.
"""

from __future__ import annotations

from typing import Protocol

from ..routes import SMALL_MAX

BYTES_MAX = 16 * 1024 * 1024


def is_small(length: bytes) -> bool:
    """Tell whether a body of this `Content-Length` is read before the caller is known."""
    return len(length) <= 5 and int(length) <= SMALL_MAX


class Holder(Protocol):
    """A connection that may be told to give up the request that it is receiving."""

    def shed(self) -> None: ...


class Holding:
    """The bytes of unfinished requests, by connection, in the order in which they began."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._most = bytes_max
        self._sizes: dict[Holder, int] = {}
        self.bytes = 0
        self.shed_count = 0

    def hold(self, holder: Holder, size: int) -> None:
        """Note how much a connection holds now; refuse the oldest requests while all is too much."""
        self.bytes += size - self._sizes.get(holder, 0)
        self._sizes[holder] = size
        while self.bytes > self._most:
            oldest = next(iter(self._sizes))
            self.free(oldest)
            self.shed_count += 1
            oldest.shed()

    def free(self, holder: Holder) -> None:
        """Note that a connection holds nothing any more."""
        self.bytes -= self._sizes.pop(holder, 0)
