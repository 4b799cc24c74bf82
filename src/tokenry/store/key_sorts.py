"""The orders of a list of keys. Each follows an index of the tenant, and a page begins behind a place.

Keys that never expire stand behind all others. SQLite and PostgreSQL disagree on where nulls stand, so these keys are a
segment of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, literal, select

from tokenry.core.key_filter import KeyFilter, KeyPlace, KeySort
from tokenry.core.model import Tenant, micros

from . import reach
from .key_filters import filtered
from .tables import key

_VALUES: Final[dict[str, Any]] = {
    "created": key.c.id,
    "expires": key.c.expires_at,
    "last_used": key.c.used_at,
    "name": key.c.name_folded,
}
_EVERY = KeyFilter()
MINUTE: Final = 60_000_000


def sorted_page(
    connection: Connection,
    columns: Select[Any],
    tenant: Tenant,
    which: KeyFilter,
    now: int,
    sort: KeySort,
    after: KeyPlace | None,
    limit: int,
) -> tuple[list[Any], KeyPlace | None]:
    """Return the rows of a page behind a place, and the place where the page ends if it may not look further."""
    value, id = _VALUES[sort.by], key.c.id
    here = [key.c.tenant_id == tenant.id, *_range(which, sort.by, now)]
    bounded = which != _EVERY
    if which.owner_id is not None and sort.by == "created":
        bounded = which != KeyFilter(owner_id=which.owner_id)
        here.append(key.c.owner_id == which.owner_id)
    elif which.owner_id is not None and _owns_few(connection, tenant, which.owner_id):
        # An expression follows no index, so the keys of the owner are found by the owner and then sorted.
        value, bounded = value.op("||")("") if sort.by == "name" else value + 0, False
    elif which.owner_id is not None:
        here.append(key.c.owner_id.op("||")("") == which.owner_id)
        which = replace(which, owner_id=None)
    order = [value.desc(), id.desc()] if sort.descending else [value, id]
    rows: list[Any] = []
    for segment in _segments(value, sort, after):
        places = select(value.label("value"), id.label("id")).where(*here, *segment).order_by(*order)
        end = reach.reached(connection, places) if bounded else None
        query = filtered(columns.where(*here, *segment), which, now)
        if end is not None:
            query = query.where(*_beside(value, id, KeyPlace(end.value, end.id), sort.descending, last=True))
        rows += connection.execute(query.order_by(*order).limit(limit - len(rows))).all()
        if end is not None or len(rows) >= limit:
            return rows, None if end is None else KeyPlace(end.value, end.id)
    return rows, None


def place_of(row: Any, sort: KeySort) -> KeyPlace:
    """Return the place of a row in an order."""
    return KeyPlace(getattr(row, _VALUES[sort.by].name), row.id)


def used_minute(at: int) -> int:
    """Return the minute of a use: finer, every flush would move each used key in the index."""
    return at - at % MINUTE


def _segments(value: ColumnElement[Any], sort: KeySort, after: KeyPlace | None) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of each part of the list that is still to come."""
    behind: list[ColumnElement[bool]] = (
        [] if after is None else _beside(value, key.c.id, after, sort.descending, last=False)
    )
    if sort.by != "expires":
        return [behind]
    dated: list[ColumnElement[bool]] = [value.is_not(None)]
    never: list[ColumnElement[bool]] = [value.is_(None)]
    parts = [never, dated] if sort.descending else [dated, never]
    if after is None:
        return parts
    begun = never if after.value is None else dated
    return [begun + behind, *parts[parts.index(begun) + 1 :]]


def _beside(
    value: ColumnElement[Any], id: ColumnElement[str], place: KeyPlace, descending: bool, *, last: bool
) -> list[ColumnElement[bool]]:
    """Match what comes after a place, or with `last` what does not. Both ends of the range are known to an index."""
    above = descending == last
    further = id > place.id if above else id < place.id
    if last:
        further |= id == place.id
    if place.value is None:
        return [further]
    first = value >= place.value if above else value <= place.value
    return [first, (value != place.value) | further]


def _range(which: KeyFilter, by: str, now: int) -> list[ColumnElement[bool]]:
    """Return the part of the order that a filter can mean, so that a page does not walk over all the rest."""
    if by == "expires" and which.expires_before is not None:
        return [key.c.expires_at.between(now + 1, micros(which.expires_before))]
    if by == "expires" and which.status == "expired":
        return [key.c.expires_at <= now]
    if by == "last_used" and which.last_used_before is not None:
        return [key.c.used_at <= micros(which.last_used_before)]
    return []


def _owns_few(connection: Connection, tenant: Tenant, owner_id: str) -> bool:
    """Tell whether the keys of an owner are so few that a page may look at all of them."""
    mine = select(literal(1)).where(key.c.tenant_id == tenant.id, key.c.owner_id == owner_id)
    return reach.reached(connection, mine) is None
