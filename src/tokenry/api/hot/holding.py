"""The total bytes of unfinished requests on all connections.

An unauthenticated client may begin a request, and never end it. Each connection holds few bytes, and all connections
hold at most `BYTES_MAX`: beyond that, the request that began first is refused. An honest request ends within
milliseconds, so the oldest request is nearly always one that will never end.
"""

from __future__ import annotations

from typing import Protocol

from ..routes import SMALL_MAX

BYTES_MAX = 16 * 1024 * 1024


def is_small(length: bytes) -> bool:
    """Return whether a body of this `Content-Length` is read before the caller is known."""
    return len(length) <= 5 and int(length) <= SMALL_MAX


class Holder(Protocol):
    """A connection that can give up the request that it is receiving."""

    def shed(self) -> None: ...


class Holding:
    """The bytes of unfinished requests, by connection, in the order in which they began."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._most = bytes_max
        self._sizes: dict[Holder, int] = {}
        self.bytes = 0
        self.shed_count = 0

    def hold(self, holder: Holder, size: int) -> None:
        """Record how many bytes a connection holds; refuse the oldest requests while the total is too large."""
        self.bytes += size - self._sizes.get(holder, 0)
        self._sizes[holder] = size
        while self.bytes > self._most:
            oldest = next(iter(self._sizes))
            self.free(oldest)
            self.shed_count += 1
            oldest.shed()

    def free(self, holder: Holder) -> None:
        """Record that a connection holds no bytes any more."""
        self.bytes -= self._sizes.pop(holder, 0)
