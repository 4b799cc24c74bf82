"""Ids that say what they are and sort by the time they were made: `key_` and a UUIDv7 in base62."""

from __future__ import annotations

from .base62 import encode

_WIDTH = 22


def make_id(kind: str, now: int, entropy: bytes) -> str:
    """Return a new id of `kind` for the moment `now` (microseconds), with 10 bytes of entropy."""
    milliseconds = now // 1000 & (1 << 48) - 1
    random = int.from_bytes(entropy[:10], "big")
    high, low = random >> 62 & 0xFFF, random & (1 << 62) - 1
    return f"{kind}_{encode(milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low, _WIDTH)}"


def is_id(kind: str, value: object) -> bool:
    """Tell whether `value` has the form of an id of `kind`; says nothing about whether it exists."""
    if not isinstance(value, str):
        return False
    head, _, tail = value.partition("_")
    return head == kind and len(tail) == _WIDTH and tail.isascii() and tail.isalnum()
