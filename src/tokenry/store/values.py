"""How values look at rest: times as microseconds, lists and metadata as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Column, ColumnElement, func, literal

from tokenry.core.credits import Credits
from tokenry.core.limits import Limit
from tokenry.core.model import micros

LIMITS: Final = frozenset(("default_limits", "shared_limits"))
"""The columns of a tenant and an owner whose change gives its limits a new version."""

_AS_THEY_ARE = frozenset((str, int, bool))
_encode_plain = msgspec.json.Encoder(enc_hook=str.__str__).encode
"""Takes an external id of a class that is derived from `str`, too, such as Django's `SafeString`."""
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lambda limit: plain_limit(limit))


def stored(value: Any) -> Any:
    """Return one value as a column holds it."""
    if value is None or value.__class__ in _AS_THEY_ARE:
        return value
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, Credits):
        return _encoder.encode([value.amount, value.refill, value.refill_day, value.shared])
    if isinstance(value, (tuple, list, Mapping)):
        if not value:
            return "{}" if isinstance(value, Mapping) else "[]"
        return _encoder.encode(dict(value) if isinstance(value, Mapping) else value)
    return value


def plain_json(value: Mapping[str, Any]) -> str:
    """Return values that are plain already (`service.plain`) as JSON text, in an eighth of the time."""
    return _encode_plain(value).decode()


def stored_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return named values as columns hold them."""
    return {
        name: value if value is None or value.__class__ in _AS_THEY_ARE else stored(value)
        for name, value in values.items()
    }


def plain_limit(limit: object) -> list[Any]:
    """Return a limit as the list that is stored."""
    if not isinstance(limit, Limit):
        raise TypeError(f"{type(limit).__name__} cannot be stored")
    return [limit.name, limit.limit, limit.window_seconds]


def like(text: str) -> str:
    """Return a LIKE pattern that finds `text` anywhere; use it with `escape="\\\\"`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def holds(column: Column[str], member: str) -> ColumnElement[bool]:
    """Match rows whose stored list has a member. SQLite's LIKE would ignore case."""
    # Each member follows a comma, so that "," does not match the comma between two.
    members = literal(",") + func.substr(column, 2)
    return func.replace(members, "," + stored([member])[1:-1], "") != members
