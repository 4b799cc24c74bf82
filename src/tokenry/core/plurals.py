"""Counts and their nouns."""

from __future__ import annotations


def form(count: int, noun: str) -> str:
    """Return the singular or the plural of a noun, as a count wants it: `key`, `entries`."""
    if count == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or the plural: `1 key`, `2 entries`."""
    return f"{count} {form(count, noun)}"
