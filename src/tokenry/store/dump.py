"""All rows of an installation, for moving it into another database as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, insert, select, text, tuple_

from tokenry.core.actors import SYSTEM
from tokenry.core.errors import ConfigError, shown

from .columns import PREFIX, metadata
from .foreign_tables import foreign_question
from .tables import VERSION_TABLE, endpoint, event, fence, key, node, owner, role, scope, tenant, turn

_OF_PROCESSES: Final = {fence.name, turn.name, node.name, foreign_question.name, VERSION_TABLE}
"""The tables about the memory and the questions of processes: they mean nothing in another store."""
_BATCH: Final = 1000
_BEHIND: Final[dict[str, dict[str, Any]]] = {
    "event": {"txid": 0},
    "endpoint": {"cursor_txid": 0, "lease_until": 0, "lease_holder": ""},
}
"""Numbers of transactions and leases, which belong to the database that they were made in."""


def _tables() -> dict[str, Table]:
    return {t.name.removeprefix(PREFIX): t for t in metadata.sorted_tables if t.name not in _OF_PROCESSES}


class DumpRows:
    """The rows of all tables within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def revision(self) -> str:
        """Return the version of the schema."""
        found = self._connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - our own name
        return str(found.scalar_one())

    def all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every row with the name of its table, those that others refer to first."""
        for name, table in _tables().items():
            place = list(table.primary_key.columns)
            query = select(table).order_by(*place).limit(_BATCH)
            rows = self._connection.execute(query).all()
            while rows:
                for row in rows:
                    more = {"cursor_sequence": self._place(row)} if table is endpoint else {}
                    yield name, {**row._mapping, **more}
                last = [rows[-1]._mapping[column.key] for column in place]
                rows = self._connection.execute(query.where(tuple_(*place) > tuple_(*last))).all()

    def _place(self, endpoint: Any) -> int:
        """Return the sequence before the first event that an endpoint still awaits.

        On PostgreSQL its cursor counts transactions too, which mean nothing elsewhere. Where transactions overlapped,
        an event may be sent again, and none is left out.
        """
        cursor = tuple_(endpoint.cursor_txid, endpoint.cursor_sequence)
        awaited = tuple_(event.c.txid, event.c.sequence) > cursor
        first = select(func.min(event.c.sequence) - 1).where(event.c.tenant_id == endpoint.tenant_id, awaited)
        last = select(func.max(event.c.sequence))
        place = select(func.coalesce(first.scalar_subquery(), last.scalar_subquery(), 0))
        return int(self._connection.execute(place).scalar_one())

    def is_empty(self) -> bool:
        """Tell whether there is nothing that somebody has made, only what every new installation has."""
        others = select(tenant.c.id).where(tenant.c.slug.not_in(("default", SYSTEM)))
        made = [others, *(select(table.c.tenant_id) for table in (owner, key, role, scope, endpoint))]
        return all(self._connection.execute(query.limit(1)).first() is None for query in made)

    def restore(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Put rows in the place of everything that is there; return how many. Raise ConfigError for unknown ones."""
        tables = _tables()
        columns = {name: set(table.columns.keys()) for name, table in tables.items()}
        for table in reversed(list(tables.values())):
            self._connection.execute(delete(table))
        count, name, waiting = 0, "", list[Mapping[str, Any]]()
        for of, row in rows:
            if columns.get(of) != set(row):
                raise ConfigError(
                    f"the export holds a row of {shown(of)} that this version of Tokenry does not know: nothing was "
                    "restored. Export again, with the version that runs here"
                )
            if waiting and (of != name or len(waiting) == _BATCH):
                self._connection.execute(insert(tables[name]), waiting)
                waiting = []
            name = of
            waiting.append({**row, **_BEHIND.get(of, {})})
            count += 1
        if waiting:
            self._connection.execute(insert(tables[name]), waiting)
        if self._connection.dialect.name == "postgresql":
            last = select(func.coalesce(func.max(event.c.sequence), 0) + 1).scalar_subquery()
            serial = func.pg_get_serial_sequence(event.name, "sequence")
            self._connection.execute(select(func.setval(serial, last, False)))
        return count
