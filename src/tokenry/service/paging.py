"""Opaque cursors: where the next page begins. They hold a place within the caller's own list, never a query."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from tokenry.core.errors import Invalid
from tokenry.core.model import Page

T = TypeVar("T")


def place_of(kind: str, cursor: object, fits: Callable[[str], object] = str.isprintable) -> str | None:
    """Return the place that a cursor encodes; raise Invalid for anything that is not a cursor of this list."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(str(cursor).encode("ascii") + b"==").decode()
    except (ValueError, binascii.Error):
        text = ""
    head, _, place = text.partition(":")
    if head != kind or not place or not fits(place):
        raise Invalid.one(
            "cursor", "bad_cursor", "pass next_cursor of the page before, unchanged, with the same filters"
        )
    return place


def page(kind: str, items: Sequence[T], limit: int, place: Callable[[T], str], reach: str | None = None) -> Page[T]:
    """Make a page from one item more than it shows, which tells whether there is a next one.

    `reach` is the place up to which was looked, where that is not the end.
    """
    shown = tuple(items[:limit])
    end = place(shown[-1]) if len(items) > limit else reach
    if end is None:
        return Page(shown)
    return Page(shown, cursor_of(kind, end))


def cursor_of(kind: str, place: str) -> str:
    """Return the cursor of a place, which `place_of` reads."""
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).decode().rstrip("=")
