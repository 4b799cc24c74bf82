"""Counters of limits in SQL: processes lease shares of a window from one row and may give back what they hold.

A counter belongs to a holder (a key, an owner or a tenant) and the name of a limit. When the length of its windows
changes, the row goes over to the new length and keeps what was taken, as long as the window it was taken in reaches
into the new one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tokenry.core.limits import carries, share_of
from tokenry.core.ports import Want

from .tables import limit_counter

_HERE = (
    (limit_counter.c.tenant_id == bindparam("of_tenant"))
    & (limit_counter.c.holder_id == bindparam("of_holder"))
    & (limit_counter.c.name == bindparam("of_name"))
)


def _begin(insert: Any) -> Any:
    """Begin the window if it is newer than the row's or of another length; `carries` says what it begins with.

    PostgreSQL locks the row either way, SQLite has one writer.
    """
    row, statement = limit_counter.c, insert(limit_counter).values(taken=0)
    new = statement.excluded
    other = row.window_seconds != new.window_seconds
    reaches = (row.window + 1) * row.window_seconds > new.window * new.window_seconds
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "holder_id", "name"],
        set_={
            "window_seconds": new.window_seconds,
            "window": new.window,
            "taken": case((other & reaches, row.taken), else_=0),
        },
        where=other | (row.window < new.window),
    )


_BEGIN = {"sqlite": _begin(sqlite.insert), "postgresql": _begin(postgresql.insert)}
_READ = select(limit_counter.c.window_seconds, limit_counter.c.window, limit_counter.c.taken).where(_HERE)
_TAKE = update(limit_counter).where(_HERE).values(taken=limit_counter.c.taken + bindparam("units"))
_GIVE = (
    update(limit_counter)
    .where(_HERE, limit_counter.c.window_seconds == bindparam("of_seconds"))
    .where(limit_counter.c.window == bindparam("at_window"), limit_counter.c.taken >= bindparam("units"))
    .values(taken=limit_counter.c.taken - bindparam("units"))
)


class LimitRows:
    """Counters within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lease(self, want: Want) -> tuple[int, int, int]:
        """Take a share that covers `need` if so much is left; return (window, units, left).

        A negative `need` gives so many units back, in the same transaction as what is leased after it.
        """
        if want.need < 0:
            self.give_back(replace(want, need=-want.need))
            return want.window, 0, 0
        values = {
            "tenant_id": want.tenant_id,
            "holder_id": want.holder_id,
            "name": want.limit.name,
            "window_seconds": want.limit.window_seconds,
            "window": want.window,
        }
        self._connection.execute(_BEGIN[self._connection.dialect.name], values)
        _, window, taken = self._connection.execute(_READ, _here(want)).one()
        left = max(0, want.limit.limit - taken)
        if want.need == 0 or left < want.need:
            return window, 0, left
        units = share_of(want.limit.limit, left, want.need)
        self._connection.execute(_TAKE, {**_here(want), "units": units})
        return window, units, left - units

    def taken(self, want: Want) -> int:
        """Return how many units count in a window so far."""
        row = self._connection.execute(_READ, _here(want)).first()
        counts = row is not None and carries(row.window_seconds, row.window, want.limit, want.window)
        return int(row.taken) if row is not None and counts else 0

    def give_back(self, want: Want) -> None:
        """Return `need` unspent units to a window that is still running."""
        at = {"of_seconds": want.limit.window_seconds, "at_window": want.window}
        self._connection.execute(_GIVE, {**_here(want), **at, "units": want.need})


def _here(want: Want) -> dict[str, object]:
    return {
        "of_tenant": want.tenant_id,
        "of_holder": want.holder_id,
        "of_name": want.limit.name,
    }
