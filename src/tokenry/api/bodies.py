"""JSON bodies: bodies that would take long to decode are refused first; type errors are reported in our words."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tokenry.edge import is_json
from tokenry.edge.problems import Failed, problem
from tokenry.types import FieldError

DEPTH_MAX: Final = 32
_NESTING: Final = frozenset((dict, list))
_NESTED_MAX: Final = 16_384
_COMMAS_MAX: Final = 65_536
"""The most lists and objects, and the most values, in a body: a thousand keys with eight limits each need less.

A list takes a microsecond to decode, so that a body of nothing else would hold up the event loop for long.
"""

TOO_MANY_VALUES: Final = "holds too many values: send several requests"
_WORDS: Final = (
    ("`", ""),
    (" | ", " or "),
    ("float", "number"),
    ("int", "whole number"),
    ("str", "text"),
    ("bool", "true or false"),
)
_decode: Final = msgspec.json.Decoder().decode


def check_kind(content_type: str | bytes | None) -> None:
    """Raise Failed unless the request declares its body as JSON."""
    if content_type != b"application/json" and not is_json(content_type):
        raise Failed(problem("not_json"))


def has_too_many_values(body: bytes | bytearray, share: int = 1) -> bool:
    """Return whether a body holds too many values; `share` divides the bounds."""
    if len(body) <= _NESTED_MAX // share:
        return False
    return body.count(b"[") + body.count(b"{") > _NESTED_MAX // share or body.count(b",") > _COMMAS_MAX // share


def decoded(body: bytes | bytearray) -> Any:
    """Return the decoded body; raise Failed for a body that is not JSON, or nested too deep."""
    if has_too_many_values(body):
        raise Failed(problem("bad_request", f"The body {TOO_MANY_VALUES}."))
    try:
        found = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Failed(problem("bad_request", f"The body is not JSON: {error}")) from None
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(found) > DEPTH_MAX:
        raise Failed(problem("bad_request", f"The body is nested more than {DEPTH_MAX} levels deep."))
    return found


def of_type(place: str, error: msgspec.ValidationError) -> FieldError:
    """Reword an error of msgspec without Python's terms; the text names types and never a value."""
    result = str(error).partition(" - at ")[0]
    if "datetime" in result:
        return FieldError(place, "not_a_moment", "must be a moment with a time zone, such as 2027-01-31T18:00:00Z")
    message = result.replace("Expected", "must be", 1)
    for ours, theirs in _WORDS:
        message = message.replace(ours, theirs)
    return FieldError(place, "bad_type" if ", got" in result else "out_of_range", message)


def _depth(value: Any) -> int:
    """Return how many arrays and objects are nested within each other, level by level."""
    depth, level = 0, [value] if type(value) in _NESTING else []
    while level:
        depth += 1
        # Values that nest nothing cost no call: there may be tens of thousands.
        level = [
            inner
            for outer in level
            for inner in (outer if type(outer) is list else outer.values())
            if type(inner) in _NESTING
        ]
    return depth
