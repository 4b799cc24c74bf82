"""The outbox in SQL.

On PostgreSQL sequence numbers are drawn before transactions commit, so a reader that went by the number alone would
skip events that commit late. Rows therefore carry their transaction's id, are read in the order (txid, sequence), and
only below the oldest transaction that is still running.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, select, text, tuple_

from tokenry.core.model import Event, Tenant, micros, moment

from .fixed import FixedWrite, array
from .reach import reached
from .tables import event
from .values import plain_json

VISIBLE = {
    "postgresql": event.c.txid < literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
    "sqlite": event.c.txid == 0,
}
_LISTS = ("ids", "types", "ats", "subjects", "actors", "datas")
# All rows travel in one statement: there may be thousands, while verifications go on beside. PostgreSQL reads a list
# for each column at a fraction of what it takes to find each value in JSON.
_INSERT = {
    "sqlite": FixedWrite(
        text("""
        INSERT INTO tokenry_event (txid, tenant_id, id, type, at, subject, actor, data)
        SELECT 0, :tenant_id, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
            json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]')
        FROM json_each(:rows) ORDER BY key
    """),
        "tenant_id",
        "rows",
    ),
    "postgresql": FixedWrite(
        text("""
        INSERT INTO tokenry_event (txid, tenant_id, id, type, at, subject, actor, data)
        SELECT pg_current_xact_id()::text::bigint, :tenant_id, id, type, at, subject, actor, data
        FROM unnest(CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:ats AS bigint[]), CAST(:subjects AS text[]),
            CAST(:actors AS text[]), CAST(:datas AS text[])) WITH ORDINALITY
            AS row(id, type, at, subject, actor, data, place)
        ORDER BY place
    """),
        *("tenant_id", *_LISTS),
    ),
}
_KNOWN = select(event.c.id).where(
    event.c.tenant_id == bindparam("tenant_id"), event.c.id.in_(bindparam("ids", expanding=True))
)

_encode = msgspec.json.Encoder(enc_hook=str.__str__).encode
"""Takes an external id of a class that is derived from `str`, too, such as Django's `SafeString`."""


def event_of(row: Any, tenant: Tenant) -> Event:
    """Return the event of a row."""
    return Event(
        sequence=row.sequence,
        id=row.id,
        type=row.type,
        at=moment(row.at),
        tenant=tenant.slug,
        subject=row.subject,
        actor=row.actor,
        data=json.loads(row.data),
    )


class EventRows:
    """Events within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def insert(self, tenant: Tenant, events: Sequence[Event]) -> None:
        rows = [(e.id, e.type, micros(e.at), e.subject, e.actor, plain_json(e.data)) for e in events]
        values: dict[str, str]
        if self._dialect == "postgresql":
            values = dict(zip(_LISTS, map(array, zip(*rows, strict=True)), strict=True))
        else:
            values = {"rows": _encode(rows).decode()}
        _INSERT[self._dialect](self._connection, {"tenant_id": tenant.id, **values})

    def list(
        self,
        tenant: Tenant,
        *,
        after: int,
        until: tuple[int, int] | None = None,
        types: Sequence[str] | None,
        limit: int,
    ) -> Sequence[Event]:
        """Return the oldest events behind a sequence number, up to a place that `reach` returned."""
        query = self._visible(select(event), tenant, after)
        if until is not None:
            txid, sequence = until
            place = tuple_(event.c.txid, event.c.sequence) <= tuple_(txid, sequence)
            query = query.where(event.c.sequence <= sequence if self._dialect == "sqlite" else place)
        if types is not None:
            query = query.where(event.c.type.in_(types))
        rows = self._connection.execute(query.order_by(event.c.txid, event.c.sequence).limit(limit))
        return [event_of(row, tenant) for row in rows]

    def latest(self, tenant: Tenant) -> int:
        """Return the sequence of the last event that readers see, 0 when there is none."""
        last = self._visible(select(event.c.sequence), tenant, 0)
        last = last.order_by(event.c.txid.desc(), event.c.sequence.desc()).limit(1)
        return self._connection.execute(last).scalar() or 0

    def reach(self, tenant: Tenant, *, after: int) -> tuple[int, int] | None:
        """Return where a page of `list` with types ends, however few it has found; None when it may look at all."""
        places = self._visible(select(event.c.txid, event.c.sequence), tenant, after)
        last = reached(self._connection, places.order_by(event.c.txid, event.c.sequence))
        return None if last is None else (last.txid, last.sequence)

    def _visible(self, query: Select[Any], tenant: Tenant, after: int) -> Select[Any]:
        query = query.where(event.c.tenant_id == tenant.id, VISIBLE[self._dialect])
        if not after:
            return query
        return query.where(event.c.sequence > after if self._dialect == "sqlite" else self._behind(after))

    def _behind(self, after: int) -> ColumnElement[bool]:
        place = select(func.max(event.c.txid)).where(event.c.sequence <= after, VISIBLE[self._dialect])
        same = select(event.c.txid).where(event.c.sequence == after)
        txid = self._connection.execute(select(func.coalesce(same.scalar_subquery(), place.scalar_subquery()))).scalar()
        return tuple_(event.c.txid, event.c.sequence) > tuple_(txid or 0, after)

    def get(self, tenant: Tenant, id: str) -> Event | None:
        """Return an event of a tenant."""
        query = select(event).where(event.c.tenant_id == tenant.id, event.c.id == id)
        row = self._connection.execute(query).first()
        return None if row is None else event_of(row, tenant)

    def known(self, tenant_id: str, ids: Sequence[str]) -> set[str]:
        """Return those ids that are committed (or part of this transaction)."""
        return set(self._connection.execute(_KNOWN, {"tenant_id": tenant_id, "ids": list(ids)}).scalars())
