"""The mistakes that every reader of fields finds, in one vocabulary: their codes, their texts, and where they are.

A place is a path such as `keys[3].limits[0].name`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from itertools import islice

from .errors import ERRORS_MAX, FieldError

_PLACE_MAX = 100


def within(place: str, name: str) -> str:
    """Return the place of a field of what is at `place` (empty: of the whole)."""
    return f"{place}.{name}" if place else name


def item(place: str, number: int) -> str:
    """Return the place of an item of a list, counted from 0."""
    return f"{place}[{number}]"


def missing(place: str) -> FieldError:
    """Say that a field has to be there."""
    return FieldError(place, "missing", "is needed")


def duplicate(place: str) -> FieldError:
    """Say that a field is there twice."""
    return FieldError(place, "duplicate", "is given more than once")


def not_an_object(place: str) -> FieldError:
    """Say that a value has no fields."""
    return FieldError(place or "body", "not_an_object", "must be a JSON object")


def unknown(place: str, message: str) -> FieldError:
    """Say that a field is none of those that are read."""
    return FieldError(place[:_PLACE_MAX], "unknown_field", message)


def name_unknown(
    found: Iterable[str],
    known: Container[str],
    errors: list[FieldError],
    place: str = "",
    say: Callable[[str], str] = lambda name: "is not a field of this request",
) -> None:
    """Name the fields that are not known; `say` returns the message for one of them.

    No more are named than an error shows, and one that says that there are more: a body may hold tens of thousands.
    """
    unread = islice((name for name in found if name not in known), ERRORS_MAX + 1)
    errors += [unknown(within(place, name), say(name)) for name in unread]
