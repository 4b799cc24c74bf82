"""Writes of many rows on SQLite: few statements, and the same rows as with a statement for each."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, delete, insert, update

from tokenry.store.fixed import FixedWrite, Raw

COUNT = 64 + 2 * 16 + 3 * 4 + 2
THINGS = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("count", BigInteger),
    Column("data", Text),
    Column("version", BigInteger),
)
INSERT = FixedWrite(insert(THINGS))
CHANGE = update(THINGS).where(THINGS.c.id == bindparam("of_id")).values(version=THINGS.c.version + 1)
UPDATE = FixedWrite(CHANGE, "of_id")
UPDATE_IF = FixedWrite(CHANGE.where(THINGS.c.count < bindparam("most")), "most", "of_id")


class Noting(sqlite3.Connection):
    """A connection that writes its statements down."""

    statements: list[str]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.statements.append(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        raise AssertionError("the interpreter is waited for between two rows")


@pytest.fixture
def raw() -> Iterator[Raw]:
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Noting)
    connection.statements = []
    connection.execute("CREATE TABLE things (id TEXT PRIMARY KEY, count INTEGER, data TEXT, version INTEGER)")
    connection.statements.clear()
    raw = Raw(connection)
    yield raw
    raw.close()


def rows() -> list[dict[str, Any]]:
    return [{"id": f"id {n}", "count": n, "data": None if n % 3 else "x" * n, "version": n} for n in range(COUNT)]


def stored(raw: Raw) -> list[dict[str, Any]]:
    found = raw.raw.execute("SELECT id, count, data, version FROM things ORDER BY count").fetchall()
    return [dict(zip(("id", "count", "data", "version"), row, strict=True)) for row in found]


def test_an_insert_writes_many_rows_with_few_statements(raw: Raw) -> None:
    assert INSERT(raw, rows()) == COUNT
    assert len(raw.raw.statements) == 1 + 2 + 3 + 2
    assert stored(raw) == rows()


def test_rows_may_leave_columns_out(raw: Raw) -> None:
    INSERT(raw, [{"id": one["id"], "count": one["count"]} for one in rows()])
    assert stored(raw) == [{**one, "data": None, "version": None} for one in rows()]


def test_an_update_writes_many_rows_and_counts_those_that_were_there(raw: Raw) -> None:
    INSERT(raw, rows())
    changes = [{"of_id": f"id {n}", "data": f"new {n}", "count": 1000 + n} for n in range(2, COUNT + 3)]
    raw.raw.statements.clear()
    assert UPDATE(raw, changes) == COUNT - 2
    assert len(raw.raw.statements) == 1 + 2 + 3 + 3
    changed = [
        {**one, "data": f"new {n}", "count": 1000 + n, "version": n + 1} if n >= 2 else one
        for n, one in enumerate(rows())
    ]
    assert stored(raw) == changed


def test_each_row_of_an_update_is_compared_with_its_own_values(raw: Raw) -> None:
    INSERT(raw, rows())
    changes = [{"of_id": f"id {n}", "most": n + n % 2, "data": "changed"} for n in range(COUNT)]
    assert UPDATE_IF(raw, changes) == COUNT // 2
    assert [one["data"] == "changed" for one in stored(raw)] == [n % 2 == 1 for n in range(COUNT)]


def test_a_delete_goes_row_by_row(raw: Raw) -> None:
    INSERT(raw, rows())
    remove = FixedWrite(delete(THINGS).where(THINGS.c.id == bindparam("of_id")), "of_id")
    assert remove(raw, [{"of_id": f"id {n}"} for n in range(3)]) == 3
    assert stored(raw) == rows()[3:]
