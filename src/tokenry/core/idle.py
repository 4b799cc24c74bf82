"""When a key that nobody uses is disabled: after its `max_idle`, and never without a notice before."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, NamedTuple

from . import fields
from .errors import FieldError

DAY: Final = 86_400_000_000
MARGIN: Final = 3_600_000_000
"""How long after its end a key is disabled: a use is written later than it happened, and none may be overlooked."""


def check(field: str, value: object, errors: list[FieldError]) -> timedelta | None:
    """Return how long a key may be idle, None for any time."""
    if value is None:
        return None
    return fields.length(field, value, errors, least=timedelta(days=1), most=timedelta(days=36_500))


class IdleKey(NamedTuple):
    """A key with its last use, or else the moment it was issued or enabled again. Moments are microseconds."""

    last: int
    max_idle: int
    noticed_at: int | None


def notice_of(max_idle: int) -> int:
    """Return how long before its end a notice is given: 7 days, or half of a shorter time."""
    return min(7 * DAY, max_idle // 2)


def ends_at(key: IdleKey, now: int) -> int:
    """Return when a key is disabled if nobody uses it; with the notice that is given now, if none was."""
    noticed_at = key.noticed_at if _is_noticed(key) else now
    assert noticed_at is not None
    return max(key.last + key.max_idle, noticed_at + notice_of(key.max_idle))


def due(key: IdleKey, now: int) -> Literal["notice", "disable"] | None:
    """Return the step that is due for a key: `notice`, `disable` or None."""
    if not _is_noticed(key):
        return "notice" if now >= key.last + key.max_idle - notice_of(key.max_idle) else None
    return "disable" if now >= ends_at(key, now) + MARGIN else None


def _is_noticed(key: IdleKey) -> bool:
    """Tell whether a notice was given. One from before its time does not count: `max_idle` was shorter then."""
    return key.noticed_at is not None and key.noticed_at >= key.last + key.max_idle - notice_of(key.max_idle)
