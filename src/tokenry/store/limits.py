"""Counters of limits in SQL. One transaction leases many of them: one statement reads them, and another one writes.

`core/counters.py` decides how much a process gets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec import json
from sqlalchemy import Connection, text

from tokenry.core.counters import Count, Place, Share, Want, counts_in, ends_at, give_back, lease

from .fixed import Fixed, FixedWrite
from .json_rows import ARRAYS, json_rows

_READ: Final = """
    SELECT CAST({array_of}({array}(c.tenant_id, c.holder_id, c.name, c.window_seconds, c."window", c.taken)) AS text)
    FROM ({rows}) AS place JOIN {counters} ON c.tenant_id = place.tenant_id AND c.holder_id = place.holder_id
    AND c.name = place.name
"""
# PostgreSQL locks a row only once it is there. A process that has to wait for one holds none that comes after it, here
# and in `_LOCKED`, so that two never wait for each other.
_MAKE: Final = """
    INSERT INTO tokenry_limit_counter (tenant_id, holder_id, name, window_seconds, "window", taken)
    SELECT tenant_id, holder_id, name, window_seconds, "window", 0 FROM ({rows}) AS place
    ORDER BY tenant_id COLLATE "C", holder_id COLLATE "C", name COLLATE "C"
    ON CONFLICT (tenant_id, holder_id, name) DO NOTHING
"""
_LOCKED: Final = """
    (SELECT l.* FROM tokenry_limit_counter l JOIN ({rows}) AS p
     ON l.tenant_id = p.tenant_id AND l.holder_id = p.holder_id AND l.name = p.name
     ORDER BY l.tenant_id, l.holder_id, l.name FOR UPDATE OF l) AS c
"""
_WRITE: Final = """
    INSERT INTO tokenry_limit_counter (tenant_id, holder_id, name, window_seconds, "window", taken, ends_at)
    SELECT tenant_id, holder_id, name, window_seconds, "window", taken, ends_at FROM ({rows}) AS counted WHERE 1 = 1
    ON CONFLICT (tenant_id, holder_id, name) DO UPDATE SET window_seconds = excluded.window_seconds,
        "window" = excluded."window", taken = excluded.taken, ends_at = excluded.ends_at
"""
_ROWS: Final = json_rows(
    "rows",
    **dict.fromkeys(("tenant_id", "holder_id", "name"), "text"),
    **dict.fromkeys(("window_seconds", "window", "taken", "ends_at"), "bigint"),
)
_LOCKED_IN: Final = {"sqlite": "tokenry_limit_counter c", "postgresql": _LOCKED.format(rows=_ROWS["postgresql"])}


def _read(dialect: str, counters: str) -> Fixed:
    statement = _READ.format(rows=_ROWS[dialect], counters=counters, **ARRAYS[dialect])
    return Fixed(text(statement), ("found",))


_READ_IN: Final = {dialect: _read(dialect, "tokenry_limit_counter c") for dialect in _ROWS}
_READ_LOCKED: Final = {dialect: _read(dialect, _LOCKED_IN[dialect]) for dialect in _ROWS}
_MAKE_IN: Final = {"postgresql": FixedWrite(text(_MAKE.format(rows=_ROWS["postgresql"])), "rows")}
_WRITE_IN: Final = {dialect: FixedWrite(text(_WRITE.format(rows=rows)), "rows") for dialect, rows in _ROWS.items()}


class LimitRows:
    """Counters within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lease(self, wants: Sequence[Want]) -> list[Share]:
        """Take a share for each wish that so much is left for."""
        counts = self._locked(wants)
        shares = lease(counts, wants)
        self._write(counts)
        return shares

    def give_back(self, wants: Sequence[Want]) -> None:
        """Return the unspent units of each wish to a window that is still running."""
        counts = self._locked(wants)
        for want in wants:
            give_back(counts, want, want.need)
        self._write(counts)

    def taken(self, want: Want) -> int:
        """Return how many units count in a window so far."""
        count = self._read(_READ_IN, [want]).get(want.place)
        return count.taken if count is not None and counts_in(count, want) else 0

    def _locked(self, wants: Iterable[Want]) -> dict[Place, Count]:
        """Return the rows of wishes, and keep others from them until the end of the transaction."""
        each = {want.place: want for want in wants}.values()
        make = _MAKE_IN.get(self._connection.dialect.name)
        if make is not None:
            make(self._connection, {"rows": _wants_json(each)})
        return self._read(_READ_LOCKED, each)

    def _read(self, statements: dict[str, Fixed], wants: Collection[Want]) -> dict[Place, Count]:
        found = statements[self._connection.dialect.name].first(self._connection, rows=_wants_json(wants)).found
        return {(row[0], row[1], row[2]): Count(*row[3:]) for row in json.decode(found or "[]")}

    def _write(self, counts: dict[Place, Count]) -> None:
        rows = [
            (*place, count.window_seconds, count.window, count.taken, ends_at(place, count))
            for place, count in counts.items()
        ]
        _WRITE_IN[self._connection.dialect.name](self._connection, {"rows": json.encode(rows).decode()})


def _wants_json(wants: Iterable[Want]) -> str:
    return json.encode([(*want.place, want.limit.window_seconds, want.window) for want in wants]).decode()
