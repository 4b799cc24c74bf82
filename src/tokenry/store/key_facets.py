"""How many keys have each status, environment, owner and tag: one statement over a bounded number of keys."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import CTE, JSON, Connection, Select, case, cast, func, literal, select, true, union_all

from tokenry.core.facets import VALUES_MAX, FacetCount, KeyFacets
from tokenry.core.key_filter import MEMBERS, KeyFilter
from tokenry.core.model import Tenant

from . import reach
from .key_filters import filtered
from .tables import key, owner

ROWS: Final = 20_000
"""So many of the newest keys are counted. More would take longer than somebody likes to wait for a page."""
_TAGS: Final = MEMBERS["tag"]
_FACETS: Final = ("statuses", "environments", "owners", _TAGS)


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
    columns = (key.c.tenant_id, key.c.owner_id, key.c.environment, key.c[_TAGS], status.label("status"))
    query = filtered(select(*columns).where(key.c.tenant_id == tenant.id), which, now)
    if last is not None:
        query = query.where(key.c.id >= last.id)
    some = query.cte("some").prefix_with("MATERIALIZED", dialect="postgresql")
    found: dict[str, list[FacetCount]] = {name: [] for name in ("all", *_FACETS)}
    for name, value, count in connection.execute(_counts(some, connection.dialect.name)):
        found[name].append(FacetCount(value, count))
    values: dict[str, Any] = {name: _sorted(found[name]) for name in _FACETS}
    return KeyFacets(counted_count=found["all"][0].count, is_complete=last is None, **values)


def _counts(some: CTE, dialect: str) -> Any:
    if dialect == "sqlite":
        members: Any = func.json_each(some.c[_TAGS]).table_valued("value")
    else:
        members = func.json_array_elements_text(cast(some.c[_TAGS], JSON)).table_valued("value")
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
        _grouped(_TAGS, members.c.value, some.join(members, true())),
    )


def _grouped(facet: str, value: Any, rows: Any) -> Select[Any]:
    """Return the most frequent values, as a subquery: a part of a union has no order of its own."""
    query = select(literal(facet).label("facet"), value.label("value"), func.count().label("count"))
    query = query.select_from(rows).group_by(value).order_by(func.count().desc(), value).limit(VALUES_MAX)
    return select(query.subquery())


def _sorted(found: list[FacetCount]) -> tuple[FacetCount, ...]:
    return tuple(sorted(found, key=lambda one: (-one.count, one.value)))
