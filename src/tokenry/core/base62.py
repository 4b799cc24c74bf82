"""Whole numbers as base62 text of a fixed width. The alphabet is in ASCII order, so texts sort as their numbers do."""

from __future__ import annotations

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)


def encode(number: int, width: int) -> str:
    """Return `number` in exactly `width` characters; raise OverflowError when it does not fit."""
    pairs = []
    for _ in range(width // 2):
        number, rest = divmod(number, 3844)
        pairs.append(_PAIRS[rest])
    if width % 2:
        number, rest = divmod(number, 62)
        pairs.append(ALPHABET[rest])
    if number:
        raise OverflowError(f"the number does not fit into {width} base62 characters")
    return "".join(reversed(pairs))


def encode_checksum(number: int) -> str:
    """Return `encode(number, 6)` for a number below 2³⁵, without a loop: every lookup needs one."""
    number, last = divmod(number, 3844)
    first, middle = divmod(number, 3844)
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def encode_tag(number: int) -> str:
    """Return `encode(number, 8)` for a number below 2⁴⁷, without a loop: every lookup needs one."""
    number, last = divmod(number, 3844)
    number, third = divmod(number, 3844)
    first, second = divmod(number, 3844)
    return _PAIRS[first] + _PAIRS[second] + _PAIRS[third] + _PAIRS[last]
