"""Limits: so many requests in windows that are aligned to the epoch, and the shares that processes lease of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, TypeAlias

from .errors import LIST_MAX, FieldError, shown
from .lists import is_list
from .mistakes import item, missing, name_unknown, within

COUNT_MAX = 10**12
WINDOW_MAX = 366 * 86_400
LIMITS_MAX = 8
SECOND = 1_000_000
_FIELDS = ("name", "limit", "window_seconds")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` requests in every window of `window_seconds`."""

    name: str
    limit: int
    window_seconds: int


LimitOf: TypeAlias = Literal["key", "owner", "tenant", "subject"]
"""The holder of a limit: one key, all keys of an owner or a tenant together, or a subject of `limits.take`."""


@dataclass(frozen=True, slots=True)
class CountedLimit(Limit):
    """A limit together with what it is counted for."""

    of: LimitOf = "key"


@dataclass(frozen=True, slots=True)
class LimitState:
    """The state of one limit: the units left in the window that ends at `reset_at`.

    `of` says whether the limit belongs to the key, is shared by all keys of its owner or its tenant, or was taken from
    for a subject.
    """

    name: str
    limit: int
    window_seconds: int
    remaining: int
    reset_at: datetime
    of: LimitOf = "key"


@dataclass(frozen=True, slots=True)
class LimitsTaken:
    """The result of `limits.take`; truthy when `allowed`. A falsy result means that nothing was taken.

    `limited_by` is the limit that refuses. `retry_after` (whole seconds) is None when the cost alone is too much.
    """

    allowed: bool
    limits: tuple[LimitState, ...]
    retry_after: int | None = None
    limited_by: LimitState | None = None

    def __bool__(self) -> bool:
        return self.allowed


def window_of(limit: Limit, now: int) -> int:
    """Return the number of the window that holds the moment `now` (microseconds)."""
    return now // (limit.window_seconds * SECOND)


def reset_at(limit: Limit, window: int) -> int:
    """Return the moment (microseconds) at which a window ends."""
    return (window + 1) * limit.window_seconds * SECOND


def state(limit: CountedLimit, window: int, remaining: int) -> LimitState:
    """Return the public state of a limit."""
    ends_at = _EPOCH + timedelta(seconds=(window + 1) * limit.window_seconds)
    return LimitState(limit.name, limit.limit, limit.window_seconds, max(0, remaining), ends_at, limit.of)


def carries(seconds: int, window: int, limit: Limit, now_window: int) -> bool:
    """Tell whether what was taken in a window of `seconds` counts in the window `now_window` of a limit.

    A limit whose windows became longer or shorter goes on with what was taken in the last window that reaches into
    the new one: rather too much than too little.
    """
    if seconds == limit.window_seconds:
        return window >= now_window
    return (window + 1) * seconds > now_window * limit.window_seconds


def seconds_until(moment: int, now: int) -> int:
    """Return whole seconds, rounded up and at least 1, until a moment."""
    return max(1, -((now - moment) // SECOND))


def first_share(limit: int) -> int:
    """Return how many units of a limit a process leases at first: few, so that an idle or dead one wastes little."""
    return limit // 100


def largest_share(limit: int) -> int:
    """Return how many units of a limit a process holds at most, however fast it uses them up."""
    return limit // 25


def key_limits(own: tuple[Limit, ...], of_owner: tuple[Limit, ...], of_tenant: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return the limits of a key by itself: its own, else the defaults of its owner, else those of its tenant."""
    return own or of_owner or of_tenant


def check_list(field: str, values: object, errors: list[FieldError]) -> tuple[Limit, ...]:
    """Return well-formed limits; name everything else in `errors`."""
    if not is_list(values):
        errors.append(FieldError(field, "not_a_list", "limits are a list of Limit(name, limit, window_seconds)"))
        return ()
    values = tuple(islice(values, LIST_MAX + 1))
    if len(values) > LIST_MAX:
        errors.append(FieldError(field, "too_many", f"a key has at most {LIMITS_MAX} limits"))
        return ()
    limits = [
        limit for place, value in enumerate(values) if (limit := _read(item(field, place), value, errors)) is not None
    ]
    if len({limit.name for limit in limits}) < len(limits):
        errors.append(FieldError(field, "duplicate", "every limit of a key needs a name of its own"))
    if len(limits) > LIMITS_MAX:
        errors.append(FieldError(field, "too_many", f"a key has at most {LIMITS_MAX} limits"))
    return tuple(limits)


def _read(place: str, value: object, errors: list[FieldError]) -> Limit | None:
    known = len(errors)
    if isinstance(value, Mapping):
        name_unknown(map(str, value), _FIELDS, errors, place, "a field of a limit")
        errors.extend(missing(within(place, name)) for name in _FIELDS if name not in value)
        if len(errors) > known:
            return None
        value = Limit(value["name"], value["limit"], value["window_seconds"])
    if not isinstance(value, Limit):
        errors.append(FieldError(place, "bad_limit", f"{shown(value)} is not a Limit"))
        return None
    if not (isinstance(value.name, str) and _NAME.fullmatch(value.name)):
        message = f"{shown(value.name)} is not the name of a limit: use 1 to 32 of [a-z0-9_.-]"
        errors.append(FieldError(within(place, "name"), "bad_limit", message))
    for name, most in (("limit", COUNT_MAX), ("window_seconds", WINDOW_MAX)):
        if not _whole(getattr(value, name), most):
            errors.append(FieldError(within(place, name), "bad_limit", f"must be a whole number from 1 to {most}"))
    return value if len(errors) == known else None


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def limit_name(limit: CountedLimit | LimitState) -> str:
    """Return the name of a limit in the fields RateLimit-Policy and RateLimit, where no two may have the same.

    A limit of the key and one of its owner may have the same name, and no name has a slash.
    """
    return limit.name if limit.of == "key" else f"{limit.of}/{limit.name}"


def counted_for(of: LimitOf, limits: Iterable[Limit]) -> tuple[CountedLimit, ...]:
    """Return limits as they are counted for a key, an owner or a tenant."""
    return tuple(CountedLimit(limit.name, limit.limit, limit.window_seconds, of) for limit in limits)


def compiled(values: Iterable[tuple[str, int, int]]) -> tuple[Limit, ...]:
    """Return limits from their stored form."""
    return tuple(Limit(*value) for value in values)
