"""What upkeep reads and writes for the whole installation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from tokenry.core.model import Event
from tokenry.core.upkeep_ports import JournalPlace

from .events import VISIBLE, event_of
from .tables import event, upkeep
from .tenants import TenantRows

_JOURNAL = "journal:"
_IDS = 500
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_COMMITTED = select(event.c.id).where(event.c.id.in_(bindparam("ids", expanding=True)))
_XMIN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


class UpkeepRows:
    """The installation within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def journal_place(self, journal: str) -> JournalPlace | None:
        """Return how far this database and a journal agree; None when it has never heard of that journal."""
        place = self._place(_JOURNAL + journal)
        return None if place is None else JournalPlace(*json.loads(place))

    def put_journal_place(self, journal: str, place: JournalPlace, now: int) -> None:
        self._put(_JOURNAL + journal, now, json.dumps(place))

    def has_journal(self) -> bool:
        """Tell whether this database has ever agreed with a journal."""
        query = select(literal(1)).where(upkeep.c.name.like(f"{_JOURNAL}%")).limit(1)
        return self._connection.execute(query).first() is not None

    def committed(self, events: Sequence[str]) -> set[str]:
        """Return those of some ids of events that are in the outbox."""
        found: set[str] = set()
        for begin in range(0, len(events), _IDS):
            ids = list(events[begin : begin + _IDS])
            found.update(self._connection.execute(_COMMITTED, {"ids": ids}).scalars())
        return found

    def events_behind(
        self, txid: int, sequence: int, types: Sequence[str], limit: int
    ) -> Sequence[tuple[str, int, Event]]:
        """Return the next events of some types with the ids of their tenants and their transactions.

        None that a running transaction may precede. A place from another server than this one counts from its start.
        """
        if self._dialect == "postgresql" and txid > self._connection.execute(_XMIN).scalar_one():
            txid, sequence = 0, 0
        behind = tuple_(event.c.txid, event.c.sequence) > tuple_(txid, sequence)
        query = select(event).where(behind, VISIBLE[self._dialect], event.c.type.in_(types))
        rows = self._connection.execute(query.order_by(event.c.txid, event.c.sequence).limit(limit)).all()
        tenants = {id: TenantRows(self._connection).by_id(id) for id in {row.tenant_id for row in rows}}
        return [(row.tenant_id, row.txid, event_of(row, found)) for row in rows if (found := tenants[row.tenant_id])]

    def _place(self, name: str) -> str | None:
        row = self._connection.execute(select(upkeep.c.place).where(upkeep.c.name == name)).first()
        return None if row is None else str(row.place)

    def _put(self, name: str, at: int, place: str) -> None:
        values = {"at": at, "place": place}
        statement = _INSERT[self._dialect](upkeep).values(name=name, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[upkeep.c.name], set_=values))
