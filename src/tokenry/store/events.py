"""The outbox in SQL.

On PostgreSQL sequence numbers are drawn before transactions commit, so a reader that went by the number alone would
skip events that commit late. Rows therefore carry their transaction's id, are read in the order (txid, sequence), and
only below the oldest transaction that is still running.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, text

from tokenry.core.model import Event, Tenant, micros, moment

from .tables import event
from .values import stored

_TXID = {"postgresql": text("SELECT pg_current_xact_id()::text::bigint"), "sqlite": text("SELECT 0")}
_VISIBLE = {
    "postgresql": event.c.txid < literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
    "sqlite": event.c.txid == 0,
}
_KNOWN = select(event.c.id).where(
    event.c.tenant_id == bindparam("tenant_id"), event.c.id.in_(bindparam("ids", expanding=True))
)


class EventRows:
    """Events within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def insert(self, tenant: Tenant, events: Sequence[Event]) -> None:
        txid = self._connection.execute(_TXID[self._dialect]).scalar_one()
        rows = [
            {
                "txid": txid,
                "tenant_id": tenant.id,
                "id": e.id,
                "type": e.type,
                "at": micros(e.at),
                "subject": e.subject,
                "actor": e.actor,
                "data": stored(e.data),
            }
            for e in events
        ]
        self._connection.execute(insert(event), rows)

    def list(self, tenant: Tenant, *, after: int, types: Sequence[str] | None, limit: int) -> Sequence[Event]:
        query = select(event).where(event.c.tenant_id == tenant.id, _VISIBLE[self._dialect])
        if after:
            place = select(func.max(event.c.txid)).where(event.c.sequence <= after, _VISIBLE[self._dialect])
            same = select(event.c.txid).where(event.c.sequence == after)
            txid = self._connection.execute(
                select(func.coalesce(same.scalar_subquery(), place.scalar_subquery()))
            ).scalar()
            query = query.where(
                (event.c.txid > (txid or 0)) | ((event.c.txid == (txid or 0)) & (event.c.sequence > after))
            )
        if types is not None:
            query = query.where(event.c.type.in_(types))
        rows = self._connection.execute(query.order_by(event.c.txid, event.c.sequence).limit(limit))
        return [
            Event(
                sequence=row.sequence,
                id=row.id,
                type=row.type,
                at=moment(row.at),
                tenant=tenant.slug,
                subject=row.subject,
                actor=row.actor,
                data=json.loads(row.data),
            )
            for row in rows
        ]

    def known(self, tenant_id: str, ids: Sequence[str]) -> set[str]:
        """Return those ids that are committed (or part of this transaction)."""
        return set(self._connection.execute(_KNOWN, {"tenant_id": tenant_id, "ids": list(ids)}).scalars())
