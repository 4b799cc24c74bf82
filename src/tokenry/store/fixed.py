"""Statements that never change. Each is compiled once for a dialect; running one costs little more than the driver.

SQLAlchemy finds, binds and wraps a statement anew at every execution, which takes longer than SQLite needs to answer.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, TextClause, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.selectable import Select

from .django import BorrowedSqlite, kept


class _Compiled(NamedTuple):
    """A statement for one dialect: its text, the order of its parameters (None by name), and its own values."""

    text: str
    names: tuple[str, ...] | None
    values: dict[str, Any]
    takes_lists: bool


class Fixed:
    """One statement. Called with a connection and its parameters, it returns the rows, whose columns have names."""

    def __init__(self, statement: Select[Any] | TextClause, names: Iterable[str] = ()) -> None:
        """Take a statement; `names` are the columns of one that is text."""
        self._statement = statement
        if not isinstance(statement, TextClause):
            names = [str(column.key) for column in statement.selected_columns]
        make: Any = namedtuple
        row = make("Row", list(names), rename=True)
        self._make: Callable[[Any], Any] = row._make
        self._compiled: dict[tuple[str, str], _Compiled] = {}

    def __call__(self, connection: Any, **parameters: Any) -> list[Any]:
        """Return all rows."""
        dialect = connection.dialect
        text, names, values, takes_lists = self._compiled.get((dialect.name, dialect.driver)) or self._compile(dialect)
        if not takes_lists:
            parameters = {name: _as_json(value) for name, value in parameters.items()}
        given: Any = {**values, **parameters}
        if names is not None:
            given = tuple([given[name] for name in names])
        return list(map(self._make, rows_of(connection, text, given)))

    def first(self, connection: Any, **parameters: Any) -> Any:
        """Return the first row, or None."""
        found = self(connection, **parameters)
        return found[0] if found else None

    def _compile(self, dialect: Any) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect)
        names = tuple(compiled.positiontup or ()) if compiled.positional else None
        values = {name: value for name, value in compiled.params.items() if value is not None}
        found = _Compiled(str(compiled), names, values, dialect.name == "postgresql")
        self._compiled[dialect.name, dialect.driver] = found
        return found


class Reader:
    """A raw SQLite connection that reads, with one of SQLAlchemy on it for statements that are made up on the way."""

    dialect = BorrowedSqlite()

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    @cached_property
    def core(self) -> Connection:
        """A connection of SQLAlchemy on this one. It never begins or ends a transaction."""
        return kept(self.raw)

    @property
    def execute(self) -> Any:
        """Execute a statement as SQLAlchemy does."""
        return self.core.execute

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


def rows_of(connection: Any, text: str, parameters: Any) -> Sequence[Any]:
    """Return the rows of a statement that is written for the driver."""
    if connection.__class__ is Reader:
        found: Sequence[Any] = connection.raw.execute(text, parameters).fetchall()
        return found
    result: Sequence[Any] = connection.exec_driver_sql(text, parameters).fetchall()
    return result


class among(ColumnElement[bool]):
    """Mean the rows whose column is in a list, which is one parameter however long it is."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.parameter: Any = bindparam(name)


@compiles(among, "sqlite")
def _among_in_sqlite(element: among, compiler: Any, **options: Any) -> str:
    column, listed = _parts(element, compiler, options)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - both are made here


@compiles(among, "postgresql")
def _among_in_postgres(element: among, compiler: Any, **options: Any) -> str:
    column, listed = _parts(element, compiler, options)
    return f"{column} = ANY(CAST({listed} AS TEXT[]))"


def _parts(element: among, compiler: Any, options: Any) -> tuple[str, str]:
    parts: list[ClauseElement] = [element.column, element.parameter]
    column, listed = [compiler.process(part, **options) for part in parts]
    return column, listed


def _as_json(value: Any) -> Any:
    return json.dumps(value) if value.__class__ in (list, tuple) else value
