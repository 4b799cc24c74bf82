"""Owners in SQL. A deleted owner leaves a nameless row behind as long as its revoked keys are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, text, update

from tokenry.core.fields import searchable
from tokenry.core.model import Owner, Tenant
from tokenry.core.records import OWNER

from .fixed import Fixed, FixedWrite, among
from .reach import reach
from .tables import owner
from .values import LIMITS, like, stored_row

_ALIVE = owner.c.status != "deleted"
_SELECT = select(*[owner.c[column] for column in OWNER.columns])
_ONE = _SELECT.where(
    owner.c.tenant_id == bindparam("tenant_id"), owner.c.external_id == bindparam("external_id"), _ALIVE
)
_GET, _GET_LOCKED = Fixed(_ONE), Fixed(_ONE.with_for_update())
_INSERT = FixedWrite(insert(owner))
_NAMED = {
    "sqlite": Fixed(
        _SELECT.where(owner.c.tenant_id == bindparam("tenant_id"), among(owner.c.external_id, "external_ids"), _ALIVE)
    ),
    # LATERAL, so that each name is one look into an index, also while PostgreSQL has no statistics of the table.
    "postgresql": Fixed(
        text(f"""
        SELECT {", ".join([f"found.{column}" for column in OWNER.columns])}
        FROM unnest(CAST(:external_ids AS text[])) AS asked(name)
        CROSS JOIN LATERAL (
            SELECT {", ".join([f"o.{column}" for column in OWNER.columns])} FROM tokenry_owner o
            WHERE o.tenant_id = :tenant_id AND o.external_id = asked.name AND o.status <> 'deleted'
            LIMIT 1 FOR UPDATE
        ) AS found
        """),  # noqa: S608 - our own columns
        OWNER.columns,
    ),
}


def _behind(tenant: Tenant, after: str | None) -> Select[Any]:
    query = _SELECT.where(owner.c.tenant_id == tenant.id, _ALIVE)
    return query if after is None else query.where(owner.c.external_id > after)


def _search(record: Owner) -> str:
    return searchable(record.external_id, record.name, record.email or "")


class OwnerRows:
    """Owners within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, tenant: Tenant, *records: Owner) -> None:
        rows = [{**OWNER.row(record), "tenant_id": tenant.id, "search": _search(record)} for record in records]
        _INSERT(self._connection, [stored_row(row) for row in rows])

    def get(self, tenant: Tenant, external_id: str, *, lock: bool = False) -> Owner | None:
        get = _GET_LOCKED if lock else _GET
        row = get.first(self._connection, tenant_id=tenant.id, external_id=external_id)
        return OWNER.record(row, tenant=tenant.slug) if row else None

    def named(self, tenant: Tenant, external_ids: Iterable[str]) -> Sequence[Owner]:
        """Return those of some owners that are there, locked."""
        # In an order, so that two that lock the same owners do not wait for each other.
        names, named = sorted(external_ids), _NAMED[self._connection.dialect.name]
        rows = named(self._connection, tenant_id=tenant.id, external_ids=names)
        return [OWNER.record(row, tenant=tenant.slug) for row in rows]

    def list(
        self, tenant: Tenant, *, after: str | None, until: str | None = None, limit: int, text: str | None
    ) -> Sequence[Owner]:
        query = _behind(tenant, after)
        if until is not None:
            query = query.where(owner.c.external_id <= until)
        if text is not None:
            query = query.where(owner.c.search.like(like(searchable(text)), escape="\\"))
        rows = self._connection.execute(query.order_by(owner.c.external_id).limit(limit))
        return [OWNER.record(row, tenant=tenant.slug) for row in rows]

    def reach(self, tenant: Tenant, *, after: str | None) -> str | None:
        """Return where a page of `list` with a text ends, however few it has found; None when it may look at all."""
        return reach(self._connection, _behind(tenant, after), owner.c.external_id, newest_first=False)

    def update(self, tenant: Tenant, record: Owner, values: Mapping[str, Any], now: datetime) -> None:
        statement = update(owner).where(owner.c.tenant_id == tenant.id, owner.c.id == record.id)
        if not LIMITS.isdisjoint(values):
            statement = statement.values(limits_version=owner.c.limits_version + 1)
        row = {**values, "search": _search(replace(record, **values)), "updated_at": now}
        self._connection.execute(statement, stored_row(row))

    def any(self, tenant: Tenant) -> bool:
        query = select(owner.c.id).where(owner.c.tenant_id == tenant.id, _ALIVE).limit(1)
        return self._connection.execute(query).first() is not None
