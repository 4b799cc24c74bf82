"""Usage of many keys, added up. One call looks at a bounded number of rows, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Subquery, Table, cast, func, select, union_all

from tokenry.core.model import Tenant, moment
from tokenry.core.usage_groups import UsageAsked, UsageGroup, UsageSummary

from . import reach
from .tables import key, owner, usage_day, usage_hour

ROWS: Final = 100_000
"""So many rows of one key, code and hour (or day) are added up where no keys are named."""
OWN_KEYS: Final = 200
"""The usage of an owner with more keys is looked for in that of the tenant."""
_DAY: Final = 86_400_000_000


def summary_of(connection: Connection, tenant: Tenant, asked: UsageAsked) -> UsageSummary:
    """Add up the usage that is asked for."""
    own = None if asked.owner_id is None else _own_keys(connection, tenant, asked.owner_id)
    keys = own if asked.keys is None else asked.keys
    parts: list[Any] = []
    counted_since = 0
    for table in (usage_hour, usage_day):
        rows = _rows(table, tenant, asked, keys)
        if keys is None:
            newest = rows.order_by(table.c.at.desc())
            last = reach.reached(connection, newest.with_only_columns(table.c.at), ROWS)
            counted_since = counted_since if last is None else max(counted_since, last.at)
            rows = select(newest.limit(ROWS).subquery())
        parts.append(rows)
    query = _grouped(union_all(*parts).subquery(), asked, counted_since)
    groups = [_group(row._mapping) for row in connection.execute(query)]
    groups.sort(key=lambda one: (one.at is not None and one.at.timestamp(), -one.count, one.key or one.owner or ""))
    return UsageSummary(groups=tuple(groups), counted_since=moment(counted_since) if counted_since else None)


def _own_keys(connection: Connection, tenant: Tenant, owner_id: str) -> tuple[str, ...] | None:
    """Return the keys of an owner, None if there are too many to look at each."""
    mine = select(key.c.id).where(key.c.tenant_id == tenant.id, key.c.owner_id == owner_id).order_by(key.c.id)
    found = connection.execute(mine.limit(OWN_KEYS + 1)).scalars().all()
    return tuple(found) if len(found) <= OWN_KEYS else None


def _rows(table: Table, tenant: Tenant, asked: UsageAsked, keys: tuple[str, ...] | None) -> Any:
    query = select(table.c.tenant_id, table.c.key_id, table.c.at, table.c.code, table.c.count)
    query = query.where(table.c.tenant_id == tenant.id, table.c.at >= asked.since, table.c.at < asked.until)
    return query if keys is None else query.where(table.c.key_id.in_(keys))


def _grouped(rows: Subquery, asked: UsageAsked, since: int) -> Any:
    """Return the largest groups."""
    at = rows.c.at - rows.c.at % _DAY if "day" in asked.group_by else rows.c.at
    values: dict[str, ColumnElement[Any]] = {
        "tenant": rows.c.tenant_id,
        "key": rows.c.key_id,
        "code": rows.c.code,
        "at": at,
    }
    names = ["at" if name in ("day", "hour") else name for name in asked.group_by]
    where = [rows.c.at >= since]
    if asked.owner_id is None and "owner" not in names:
        return _added({name: values[name] for name in names}, rows.c.count, where).limit(asked.limit)
    # By key first, so that the owner is looked up once for each key and not for every row.
    of_keys = {name: values[name] for name in ("tenant", "key", *(name for name in names if name in ("code", "at")))}
    some = _added(of_keys, rows.c.count, where).order_by(None).subquery()
    # The tenant by the rows, or SQLite would begin with every key of the tenant.
    where = [key.c.tenant_id == some.c.tenant, key.c.id == some.c.key]
    where += [owner.c.tenant_id == key.c.tenant_id, owner.c.id == key.c.owner_id]
    if asked.owner_id is not None:
        where.append(key.c.owner_id == asked.owner_id)
    found = {name: owner.c.external_id if name == "owner" else some.c[name] for name in names}
    return _added(found, some.c.count, where).limit(asked.limit)


def _added(by: Mapping[str, ColumnElement[Any]], count: Any, where: list[ColumnElement[bool]]) -> Select[Any]:
    added = cast(func.sum(count), BigInteger).label("count")
    columns = [value.label(name) for name, value in by.items()]
    return select(*columns, added).where(*where).group_by(*by.values()).order_by(added.desc())


def _group(row: Any) -> UsageGroup:
    at = row.get("at")
    return UsageGroup(**{**row, "at": None if at is None else moment(at)})
