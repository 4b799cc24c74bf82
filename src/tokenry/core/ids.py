"""Ids that say what they are and sort by the time they were made: `key_` and a UUIDv7 in base62."""

from __future__ import annotations

from .base62 import encode

_WIDTH = 22
_RANDOM = (1 << 74) - 1


class Ids:
    """Makes ids that sort in the order in which they were made, also when the clock stands still or goes back."""

    def __init__(self) -> None:
        self._last = (0, 0)

    def make(self, kind: str, now: int, entropy: bytes) -> str:
        """Return a new id of `kind` for the moment `now` (microseconds), with 10 bytes of entropy."""
        milliseconds, random = now // 1000 & (1 << 48) - 1, int.from_bytes(entropy[:10], "big") & _RANDOM
        if milliseconds <= self._last[0]:  # no lock: of two threads neither is first, and the step is random
            milliseconds, random = self._last[0], self._last[1] + 1 + (random & 0xFFFF_FFFF)
            if random > _RANDOM:
                milliseconds, random = milliseconds + 1, random & 0xFFFF_FFFF
        self._last = (milliseconds, random)
        high, low = random >> 62, random & (1 << 62) - 1
        return f"{kind}_{encode(milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low, _WIDTH)}"


def make_id(kind: str, now: int, entropy: bytes) -> str:
    """Return one new id, for who needs no order among several."""
    return Ids().make(kind, now, entropy)


def is_id(kind: str, value: object) -> bool:
    """Tell whether `value` has the form of an id of `kind`; says nothing about whether it exists."""
    if not isinstance(value, str):
        return False
    head, _, tail = value.partition("_")
    return head == kind and len(tail) == _WIDTH and tail.isascii() and tail.isalnum()
