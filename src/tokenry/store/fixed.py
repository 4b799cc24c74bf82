"""Statements that never change. Each is compiled once for a dialect; running one costs little more than the driver.

SQLAlchemy finds, binds and wraps a statement anew at every execution, which takes longer than SQLite needs to answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Delete,
    Insert,
    String,
    Text,
    TextClause,
    Update,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.selectable import Select

from tokenry.core.errors import NestedCall

from .django import BorrowedSqlite, kept
from .failures import unfit

_LISTS = frozenset((list, tuple))
_SIZES = (64, 16, 4)
"""How many rows a statement of SQLite takes: few sizes, so that the driver keeps each statement. The rest go alone."""


class _Compiled(NamedTuple):
    """A statement for one dialect: its text, a reader of its parameters (None by name), and its own values."""

    text: str
    read: Callable[[Mapping[str, Any]], tuple[Any, ...]] | None
    values: dict[str, Any]
    takes_lists: bool

    def given(self, parameters: Mapping[str, Any]) -> Any:
        """Return parameters as the driver takes them."""
        given = {**self.values, **parameters} if self.values else parameters
        if self.read is None:
            return given
        found = self.read(given)
        if self.takes_lists or _LISTS.isdisjoint(map(type, found)):
            return found
        return tuple([json.dumps(value) if value.__class__ in _LISTS else value for value in found])


class _Statement:
    """A statement and what it was compiled to: for each dialect, and for the columns that it writes."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def _for(self, dialect: Any, columns: tuple[str, ...] = ()) -> _Compiled:
        kind = (dialect.name, dialect.driver, *columns)
        found = self._compiled.get(kind)
        if found is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=list(columns) or None)
            read = _reader(compiled.positiontup or ()) if compiled.positional else None
            values = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[kind] = _Compiled(str(compiled), read, values, dialect.name == "postgresql")
        return found


class Fixed(_Statement):
    """A query. Called with a connection and its parameters, it returns the rows, whose columns have names."""

    def __init__(self, statement: Select[Any] | TextClause, names: Iterable[str] = ()) -> None:
        """Take a statement; `names` are the columns of one that is text."""
        super().__init__(statement)
        if not isinstance(statement, TextClause):
            names = [str(column.key) for column in statement.selected_columns]
        make: Any = namedtuple
        self._make: Callable[[Any], Any] = make("Row", list(names), rename=True)._make

    def __call__(self, connection: Any, **parameters: Any) -> list[Any]:
        """Return all rows."""
        compiled = self._for(connection.dialect)
        return list(map(self._make, rows_of(connection, compiled.text, compiled.given(parameters))))

    def first(self, connection: Any, **parameters: Any) -> Any:
        """Return the first row, or None."""
        found = self(connection, **parameters)
        return found[0] if found else None


class FixedWrite(_Statement):
    """An insert or update. Called with a connection and values, it returns how many rows it has written.

    Values that are no parameters of the statement are columns that it sets. On PostgreSQL an insert of many rows is one
    statement with a list for each column: one for each row costs more than the rows do. On SQLite inserts and updates
    take several rows at once: with one statement per row the thread would give up the GIL between rows while it holds
    the write lock. An update must not name the same row twice.
    """

    def __init__(self, statement: Insert | Update | Delete | TextClause, *parameters: str) -> None:
        """Take a statement; `parameters` are the names that are no columns."""
        super().__init__(statement)
        self._parameters = frozenset(parameters)
        self._listed: dict[tuple[str, ...], FixedWrite] = {}
        self._together: dict[tuple[str, ...], _Together] = {}

    def __call__(self, connection: Any, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Write one row, or several (at least one) with the same columns."""
        many = [values] if isinstance(values, Mapping) else values
        columns = tuple([name for name in many[0] if name not in self._parameters])
        if len(many) > 1 and isinstance(self._statement, Insert) and connection.dialect.name == "postgresql":
            lists = map(array, zip(*map(_reader(columns), many), strict=True))
            return self._in_lists(columns)(connection, dict(zip(columns, lists, strict=True)))
        count = 0
        if len(many) > 1 and connection.dialect.name == "sqlite":
            if isinstance(self._statement, Insert | Update):
                count, many = self._write_together(connection, columns, many)
            return count + sum([self(connection, row) for row in many])
        compiled = self._for(connection.dialect, columns)
        given: Any = [compiled.given(row) for row in many]
        return _written(connection, compiled.text, given if len(given) > 1 else given[0])

    def _write_together(
        self, connection: Any, columns: tuple[str, ...], many: Sequence[Mapping[str, Any]]
    ) -> tuple[int, Sequence[Mapping[str, Any]]]:
        """Write rows with statements that take several; return how many were written, and the rows that are left."""
        together = self._together.get(columns)
        if together is None:
            named = sorted(self._parameters & many[0].keys())
            together = self._together[columns] = _Together(self._statement, columns, named, connection.dialect)
        count = 0
        for size in _SIZES:
            while len(many) >= size:
                count += _written(connection, together.text(size), together.given(many[:size]))
                many = many[size:]
        return count, many

    def _in_lists(self, columns: tuple[str, ...]) -> FixedWrite:
        """Return the insert that takes a list for each column."""
        found = self._listed.get(columns)
        if found is None:
            table = self._statement.table
            # A cast to VARCHAR(64) would cut what is longer; the insert refuses it.
            kinds = [Text() if isinstance(table.c[name].type, String) else table.c[name].type for name in columns]
            lists = [cast(bindparam(name), ARRAY(kind)) for name, kind in zip(columns, kinds, strict=True)]
            rows = func.unnest(*lists).table_valued(*columns).render_derived()
            insert = table.insert().from_select(list(columns), select(*rows.c), include_defaults=False)
            found = self._listed[columns] = FixedWrite(insert, *columns)
        return found


class _Together:
    """An insert or update of several rows of SQLite, which stand in it as a table of values."""

    def __init__(self, statement: Any, columns: Sequence[str], parameters: Sequence[str], dialect: Any) -> None:
        names = (*columns, *parameters)
        given = table("given", *[column(f"column{number}") for number in range(1, len(names) + 1)])
        of = dict(zip(names, given.c, strict=True))

        def in_row(element: Any, **_: Any) -> Any:
            return of.get(element.key) if isinstance(element, BindParameter) else None

        if isinstance(statement, Insert):
            statement = statement.from_select(list(columns), select(*given.c), include_defaults=False)
        else:
            statement = statement.values({name: of[name] for name in columns}) if columns else statement
            statement = visitors.replacement_traverse(statement, {}, in_row)
        text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        # It must begin with INSERT or UPDATE, not with WITH: only then does the driver begin a transaction.
        self._begin, self._end = text.split("FROM given")
        self._row = f"({', '.join('?' * len(names))})"
        self._read = _reader(names)

    def text(self, count: int) -> str:
        """Return the statement for so many rows."""
        return f"{self._begin}FROM (VALUES {', '.join([self._row] * count)}) AS given{self._end}"

    def given(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
        """Return the parameters of the statement for some rows."""
        return tuple(chain.from_iterable(map(self._read, rows)))


class Raw:
    """A raw SQLite connection, with one of SQLAlchemy on it for statements that are made up on the way."""

    dialect = BorrowedSqlite()

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    @contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        """Begin, and commit; or roll back and raise what was raised."""
        if self.raw.in_transaction:
            raise NestedCall("Tokenry was called within a transaction of its own: an owner_loader must not call it")
        try:
            # Within the block: Ctrl-C while it waits for the lock is raised once it has it.
            self.raw.execute(begin)
            yield
            self.raw.execute("COMMIT")
        except BaseException:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what a block has done, and nothing else of the transaction, when it raises."""
        self.raw.execute("SAVEPOINT change")
        try:
            yield
        except BaseException:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK TO change")
                self.raw.execute("RELEASE change")
            raise
        self.raw.execute("RELEASE change")

    def run(self, text: str, parameters: Any) -> sqlite3.Cursor:
        """Execute a statement; raise Invalid for a value that SQLite does not take."""
        try:
            return self.raw.execute(text, parameters)
        except OverflowError as error:
            raise unfit(error) from None

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


def _written(connection: Any, text: str, given: Any) -> int:
    """Execute a statement that is written for the driver; return how many rows it has written."""
    written = connection.run(text, given) if connection.__class__ is Raw else connection.exec_driver_sql(text, given)
    count: int = written.rowcount
    return count


def rows_of(connection: Any, text: str, parameters: Any) -> Sequence[Any]:
    """Return the rows of a statement that is written for the driver."""
    if connection.__class__ is Raw:
        found: Sequence[Any] = connection.run(text, parameters).fetchall()
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


def array(values: Sequence[Any]) -> str:
    """Return the literal of an array. The driver's own takes longer than everything else that an insert does.

    Many columns have one value in all rows, and most of the others are texts alone: both go without a call for each.
    """
    first = values[0]
    if values.count(first) == len(values):
        return "{" + ",".join([_element(first)] * len(values)) + "}"
    if {value.__class__ for value in values} == {str}:
        texts = "\0".join(values)
        if texts.count("\0") == len(values) - 1:
            return '{"' + texts.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","') + '"}'
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else str(value)


def _reader(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that takes named values out of a mapping, in their order."""
    read: Any = itemgetter(*names) if names else None
    return read if len(names) > 1 else lambda given: tuple([given[name] for name in names])
