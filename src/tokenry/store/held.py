"""Lookups on held connections to PostgreSQL: prepared, in binary form, and on libpq itself.

A lookup has one parameter, and `lookup.py` reads its rows. psycopg's cursors adapt every parameter and every column,
and wait in Python: for a few keys that costs more than all the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from struct import pack
from typing import Any, NamedTuple

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus

_BINARY = 1
_TEXT_OID = 25

Found = tuple[bytes | None, ...]
"""The columns of a row as PostgreSQL sends them in binary form: of a text its UTF-8."""


class Statement(NamedTuple):
    """A statement with one parameter, `$1`, and the name under which it is prepared."""

    name: bytes
    text: bytes


class Held:
    """A connection in autocommit for lookups of one caller at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._prepared: set[bytes] | None = set() if connection.prepare_threshold is not None else None

    def ask(self, statement: Statement, value: bytes, until: float) -> list[Found]:
        """Return the rows of a statement; raise psycopg.Error, at the latest when the monotonic clock says `until`.

        After any error but QueryCanceled the connection has to be closed.
        """
        if self._prepared is None:  # a pooler is in between
            self._libpq.send_query_params(statement.text, [value], None, [_BINARY], _BINARY)
        else:
            if statement.name not in self._prepared:
                self._libpq.send_prepare(statement.name, statement.text)
                self._answered(until)
                self._prepared.add(statement.name)
            self._libpq.send_query_prepared(statement.name, [value], [_BINARY], _BINARY)
        return self._answered(until)

    def _answered(self, until: float) -> list[Found]:
        seconds = max(0.001, until - time.monotonic())
        return _rows(self._connection.wait(execute(self._libpq), timeout=seconds))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class HeldOnLoop:
    """The same on an event loop, which listens to the connection for as long as it is held."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._prepared: set[bytes] | None = set() if connection.prepare_threshold is not None else None
        self._loop = loop
        self._socket = self._libpq.socket
        self._results: list[Any] = []
        self._answer: asyncio.Future[list[Any]] | None = None
        self.is_closed = False
        loop.add_reader(self._socket, self._read)

    async def ask(self, statement: Statement, value: bytes) -> list[Found]:
        """Return the rows of a statement; raise psycopg.Error.

        After any error but QueryCanceled, and when the wait was cancelled, the connection has to be closed.
        """
        if self._prepared is None:  # a pooler is in between
            self._libpq.send_query_params(statement.text, [value], None, [_BINARY], _BINARY)
        else:
            if statement.name not in self._prepared:
                self._libpq.send_prepare(statement.name, statement.text)
                _rows(await self._answered())
                self._prepared.add(statement.name)
            self._libpq.send_query_prepared(statement.name, [value], [_BINARY], _BINARY)
        return _rows(await self._answered())

    def close(self) -> None:
        """Close the connection without a word to the server, which may not answer."""
        if not self.is_closed:
            self.is_closed = True
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._libpq.finish()

    def _answered(self) -> asyncio.Future[list[Any]]:
        self._results = []
        self._answer = self._loop.create_future()
        self._send()
        return self._answer

    def _send(self) -> None:
        """Send what libpq holds, and come back when the server takes more of it."""
        if self._libpq.flush():
            self._loop.add_writer(self._socket, self._go_on_sending)

    def _go_on_sending(self) -> None:
        self._loop.remove_writer(self._socket)
        try:
            self._send()
        except psycopg.Error as error:
            self._fail(error)

    def _read(self) -> None:
        """Read the available input: a part of an answer, all of it, or the end of the connection."""
        libpq = self._libpq
        try:
            libpq.consume_input()
            while not libpq.is_busy():
                result = libpq.get_result()
                if result is None:
                    break
                self._results.append(result)
            else:
                return
        except psycopg.Error as error:
            self._fail(error)
            return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._results)

    def _fail(self, error: psycopg.Error) -> None:
        """End with the connection. The loop would call again and again for one that the server has closed."""
        answer = self._answer
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(error)


def array_of(texts: Sequence[str]) -> bytes:
    """Return texts as the binary form of a `text[]`."""
    items = [text.encode() for text in texts]
    parts = [pack("!iiIii", 1, 0, _TEXT_OID, len(items), 1)]
    for item in items:
        parts += (len(item).to_bytes(4, "big"), item)
    return b"".join(parts)


def _rows(results: Sequence[Any]) -> list[Found]:
    """Return the rows of the results of one statement; raise its error."""
    if not results:
        raise psycopg.OperationalError("the connection ended before an answer")
    result = results[-1]
    if result.status == ExecStatus.TUPLES_OK:
        value, columns = result.get_value, range(result.nfields)
        return [tuple([value(row, column) for column in columns]) for row in range(result.ntuples)]
    if result.status == ExecStatus.COMMAND_OK:
        return []
    raise psycopg.errors.error_from_result(result)
