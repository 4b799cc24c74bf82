"""How far a page looks. A filter without an index of its own is held against so many rows, and not against them all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Select

ROWS = 20_000
"""So many rows are looked at for one page: some 10 ms. A page of what is rare then is short, and has a next one."""


def reach(connection: Connection, rows: Select[Any], column: Column[str], *, newest_first: bool = True) -> str | None:
    """Return the last of the rows that a page may look at, by the column that orders them; None when it may see all."""
    last = reached(connection, rows.with_only_columns(column).order_by(column.desc() if newest_first else column))
    return None if last is None else str(last[0])


def reached(connection: Connection, places: Select[Any], most: int | None = None) -> Any:
    """Return the last of the places that a page may look at, which an index orders; None when it may see all."""
    return connection.execute(places.offset((most or ROWS) - 1).limit(1)).first()  # counted off along the index
