"""The mistakes that every reader of fields finds, in one vocabulary: their codes, their texts, and where they are.

A place is a path such as `keys[3].limits[0].name`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from .errors import ERRORS_MAX, FieldError, shown

_PLACE_MAX = 100
# To compare names takes time: a request must not make us compare many, or long ones.
_HINTS_MAX, _HINT_MAX = 10, 40
_NEAR, _SHORT_MIN = 0.7, 3


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


def meant(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: which known one was probably meant, or nothing."""
    near = nearest(name, known)
    return "" if near is None else f": did you mean {near}?"


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that was probably meant by an unknown one, if there is exactly one."""
    if len(name) > _HINT_MAX:
        return None
    from difflib import get_close_matches  # rarely needed, and the command line starts faster without it

    near = get_close_matches(name, known, 1, _NEAR)
    if not near and len(name) >= _SHORT_MIN:
        near = [one for one in known if one.startswith(name)]
    return near[0] if len(near) == 1 else None


def scopes_unknown(found: Iterable[str], catalogue: Collection[str]) -> list[FieldError]:
    """Report scopes that a tenant's catalogue lacks, the first of them with the scope that was probably meant."""
    return [
        FieldError(
            "scopes",
            "unknown_scope",
            f"{shown(one)} is not in the tenant's catalogue{meant(one, catalogue) if number < _HINTS_MAX else ''}",
        )
        for number, one in enumerate(found)
    ]


def name_unknown(
    found: Iterable[str],
    known: Collection[str],
    errors: list[FieldError],
    place: str = "",
    what: str = "a field of this request",
    spelled: Callable[[str], str] = str,
) -> None:
    """Report the unknown fields, the first of them with the known field that was probably meant.

    Report only as many as an error shows, and one more to say that there are more: a body may hold tens of thousands.
    `spelled` writes a name in the spelling of the known names.
    """
    for name in islice((name for name in found if name not in known), ERRORS_MAX + 1):
        hint = meant(spelled(name), known) if len(errors) < _HINTS_MAX else ""
        errors.append(unknown(within(place, name), f"is not {what}{hint}"))
