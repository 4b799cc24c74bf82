"""Lengths of time outside Python: a number of seconds, under a name that ends in `_seconds`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_MAYBE_NONE = ("max_idle",)
"""Lengths that may be None."""


def seconds(length: timedelta) -> int | float:
    """Return a length of time in seconds, whole ones as an integer."""
    count = length.total_seconds()
    return int(count) if count.is_integer() else count


def written(name: str, value: Any) -> tuple[str, Any]:
    """Return a field as JSON, events and audit entries hold it; only a length of time changes."""
    if not isinstance(value, timedelta):
        return (f"{name}_seconds" if name in _MAYBE_NONE and value is None else name), value
    return (name if name.endswith("_seconds") else f"{name}_seconds"), seconds(value)


def record_of(record: Any) -> dict[str, Any]:
    """Return the fields of a record, a tenant above all, as every face writes them."""
    return dict(written(name, getattr(record, name)) for name in record.__slots__)
