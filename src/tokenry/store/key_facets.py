"""How many keys have each status, environment, owner, tag, scope and role: one statement over a bounded number."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import CTE, JSON, Connection, Select, case, cast, func, literal, select, true, union_all

from tokenry.core.advice import WATCHED_DAYS
from tokenry.core.facets import VALUES_MAX, FacetCount, KeyFacets
from tokenry.core.key_filter import MEMBERS, KeyFilter
from tokenry.core.model import Tenant

from . import reach
from .key_filters import filtered
from .tables import key, owner, scope_use

ROWS: Final = 20_000
"""So many of the newest keys are counted. More would take longer than somebody likes to wait for a page."""
_LISTS: Final = (MEMBERS["tag"], "scopes", "roles")
_FACETS: Final = ("statuses", "environments", "owners", *_LISTS, "asked_scopes")
_WATCHED: Final = WATCHED_DAYS * 24 * 3_600_000_000


def facets_of(connection: Connection, tenant: Tenant, which: KeyFilter, now: int) -> KeyFacets:
    """Count the newest keys that a filter means."""
    newest = select(key.c.id).where(key.c.tenant_id == tenant.id)
    if which.owner_id is not None:
        newest = newest.where(key.c.owner_id == which.owner_id)
    last = reach.reached(connection, newest.order_by(key.c.id.desc()), ROWS)
    status = case(
        (key.c.revoked_at.is_not(None), "revoked"),
        (key.c.disabled_at.is_not(None), "disabled"),
        (key.c.expires_at <= now, "expired"),
        else_="active",
    )
    lists = [key.c[name] for name in _LISTS]
    columns = (key.c.tenant_id, key.c.id, key.c.owner_id, key.c.environment, *lists, status.label("status"))
    query = filtered(select(*columns).where(key.c.tenant_id == tenant.id), which, now)
    if last is not None:
        query = query.where(key.c.id >= last.id)
    some = query.cte("some").prefix_with("MATERIALIZED", dialect="postgresql")
    found: dict[str, list[FacetCount]] = {name: [] for name in ("all", *_FACETS)}
    for name, value, count in connection.execute(_counts(some, connection.dialect.name, now)):
        found[name].append(FacetCount(value, count))
    values: dict[str, Any] = {name: _sorted(found[name]) for name in _FACETS}
    return KeyFacets(counted_count=found["all"][0].count, is_complete=last is None, **values)


def _counts(some: CTE, dialect: str, now: int) -> Any:
    of_owners = select(some.c.owner_id, some.c.tenant_id, func.count().label("count"))
    owners = of_owners.group_by(some.c.owner_id, some.c.tenant_id).order_by(func.count().desc()).limit(VALUES_MAX)
    few = owners.subquery()
    named = select(literal("owners"), owner.c.external_id, few.c.count).join_from(
        few, owner, (owner.c.tenant_id == few.c.tenant_id) & (owner.c.id == few.c.owner_id)
    )
    return union_all(
        select(literal("all").label("facet"), literal("").label("value"), func.count().label("count")).select_from(
            some
        ),
        _grouped("statuses", some.c.status, some),
        _grouped("environments", some.c.environment, some),
        named,
        *[_members(name, some, dialect) for name in _LISTS],
        _asked(some, now),
    )


def _members(name: str, some: CTE, dialect: str) -> Select[Any]:
    """Count the members of a list that every key has."""
    if dialect == "sqlite":
        members: Any = func.json_each(some.c[name]).table_valued("value")
    else:
        members = func.json_array_elements_text(cast(some.c[name], JSON)).table_valued("value")
    return _grouped(name, members.c.value, some.join(members, true()))


def _asked(some: CTE, now: int) -> Select[Any]:
    """Count the keys of which each scope was asked for; the scope "" means questions about no scope."""
    of_key = (scope_use.c.tenant_id == some.c.tenant_id) & (scope_use.c.key_id == some.c.id)
    is_recent = (scope_use.c.scope != "") & (scope_use.c.last_at >= now - _WATCHED)
    return _grouped("asked_scopes", scope_use.c.scope, some.join(scope_use, of_key & is_recent))


def _grouped(facet: str, value: Any, rows: Any) -> Select[Any]:
    """Return the most frequent values, as a subquery: a part of a union has no order of its own."""
    query = select(literal(facet).label("facet"), value.label("value"), func.count().label("count"))
    query = query.select_from(rows).group_by(value).order_by(func.count().desc(), value).limit(VALUES_MAX)
    return select(query.subquery())


def _sorted(found: list[FacetCount]) -> tuple[FacetCount, ...]:
    return tuple(sorted(found, key=lambda one: (-one.count, one.value)))
