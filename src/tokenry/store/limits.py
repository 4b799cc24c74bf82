"""Counters of limits in SQL: processes lease shares of a window from one row and may give back what they hold."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tokenry.core.limits import share_of
from tokenry.core.ports import Want

from .tables import limit_counter

_HERE = (
    (limit_counter.c.tenant_id == bindparam("of_tenant"))
    & (limit_counter.c.key_id == bindparam("of_key"))
    & (limit_counter.c.name == bindparam("of_name"))
    & (limit_counter.c.window_seconds == bindparam("of_seconds"))
)
# Begins the window if it is newer than the row's. PostgreSQL locks the row either way, SQLite has one writer.
_BEGIN = {
    dialect: insert(limit_counter)
    .values(taken=0)
    .on_conflict_do_update(
        index_elements=["tenant_id", "key_id", "name", "window_seconds"],
        set_={"window": insert(limit_counter).excluded.window, "taken": 0},
        where=limit_counter.c.window < insert(limit_counter).excluded.window,
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_READ = select(limit_counter.c.window, limit_counter.c.taken).where(_HERE)
_TAKE = update(limit_counter).where(_HERE).values(taken=limit_counter.c.taken + bindparam("units"))
_GIVE = (
    update(limit_counter)
    .where(_HERE, limit_counter.c.window == bindparam("at_window"), limit_counter.c.taken >= bindparam("units"))
    .values(taken=limit_counter.c.taken - bindparam("units"))
)


class LimitRows:
    """Counters within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lease(self, want: Want) -> tuple[int, int, int]:
        """Take a share that covers `need` if so much is left; return (window, units, left)."""
        values = {
            "tenant_id": want.tenant_id,
            "key_id": want.key_id,
            "name": want.limit.name,
            "window_seconds": want.limit.window_seconds,
            "window": want.window,
        }
        self._connection.execute(_BEGIN[self._connection.dialect.name], values)
        window, taken = self._connection.execute(_READ, _here(want)).one()
        left = max(0, want.limit.limit - taken)
        if want.need == 0 or left < want.need:
            return window, 0, left
        units = share_of(want.limit.limit, left, want.need)
        self._connection.execute(_TAKE, {**_here(want), "units": units})
        return window, units, left - units

    def taken(self, want: Want) -> int:
        """Return how many units of a window were leased so far."""
        row = self._connection.execute(_READ, _here(want)).first()
        return int(row.taken) if row is not None and row.window == want.window else 0

    def give_back(self, want: Want) -> None:
        """Return `need` unspent units to a window that is still running."""
        self._connection.execute(_GIVE, {**_here(want), "units": want.need, "at_window": want.window})


def _here(want: Want) -> dict[str, object]:
    return {
        "of_tenant": want.tenant_id,
        "of_key": want.key_id,
        "of_name": want.limit.name,
        "of_seconds": want.limit.window_seconds,
    }
