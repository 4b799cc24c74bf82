"""Tokenry's own connections to PostgreSQL: a pool for management, and held ones for lookups.

A lookup of one caller goes to the driver directly, prepared and in binary form. Lookups of many callers on one event
loop are gathered (`gathering.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.engine import URL

from tokenry.core.breaker import Breaker
from tokenry.core.document import Seals
from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Row

from . import statistics
from .connections import Impatient, deadline, leave_inherited, prepare_after
from .failures import translated, unavailable
from .fence import STATEMENT_SECONDS, FenceStore, make_durable
from .gathering import Found, Gathering
from .held import Held, Statement
from .lookup import is_session, lookup_sql, lookup_without_roles_sql, read, read_session, session_sql
from .rows import SqlRows
from .slow import SlowStatements

_FIND = Statement(b"tokenry_find", lookup_sql("postgresql", "= $1").encode())
_FIND_WITHOUT_ROLES = Statement(b"tokenry_find_without_roles", lookup_without_roles_sql("postgresql", "= $1").encode())
_FIND_SESSION = Statement(b"tokenry_find_session", session_sql("postgresql", "= $1").encode())
_HELD = 8
_PROBE_SECONDS = 1.0
_USES = 5  # as psycopg does
_SERVER_FIRST = 0.5
"""How many seconds more the server has to say itself that a statement took too long, before we stop waiting for it."""
_IDLE_SHARE = 4
"""For how many times `store_timeout` a transaction may wait for its process before the server ends it."""


class PostgresDatabase:
    """A database on a PostgreSQL server."""

    dialect = "postgresql"
    alone = False

    def __init__(self, url: str, *, timeout: float, slow: SlowStatements) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self.seals = Seals()
        self._timeout = timeout
        self._slow = slow
        self._lookups = Breaker(timeout + _SERVER_FIRST, _PROBE_SECONDS, time.monotonic)
        self.fence_store = FenceStore(lambda: self._engine, lambda: deadline(STATEMENT_SECONDS))
        self._open()

    def _open(self) -> None:
        self._engine: Engine = create_engine(
            self.url, creator=self._manage, pool_pre_ping=True, pool_timeout=self._timeout, hide_parameters=True
        )
        self._slow.watch(self._engine)
        self._idle: deque[Held] = deque()
        self._places: SimpleQueue[int] = SimpleQueue()  # a semaphore at a tenth of the price of `threading`'s
        for place in range(_HELD):
            self._places.put(place)
        self._gatherings: dict[asyncio.AbstractEventLoop, Gathering] = {}

    def _manage(self, **options: Any) -> Any:
        """Connect within the deadline of the caller; psycopg knows whole seconds only."""
        connection = Impatient.connect(
            _conninfo(self.url), connect_timeout=max(2, round(self._timeout) + 1), options=self._options(), **options
        )
        connection.patience = self._timeout + _SERVER_FIRST
        prepare_after(connection, 0 if connection.autocommit else _USES)
        return connection

    def _options(self) -> str:
        # A process that is stopped in the middle of a transaction must not keep its locks until it goes on.
        idle = int(self._timeout * 1000 * _IDLE_SHARE)
        limits = f"-c statement_timeout={int(self._timeout * 1000)} -c idle_in_transaction_session_timeout={idle}"
        return f"{limits} -c timezone=UTC"

    @contextmanager
    def _connected(self, within: float | None = None) -> Iterator[Connection]:
        """Take a connection of the pool within `store_timeout`; with `within`, that limits all that is done with it."""
        with ExitStack() as stack:
            if within is not None:
                stack.enter_context(deadline(within))
                yield stack.enter_context(self._engine.connect())
                return
            with deadline(self._timeout):
                connection = stack.enter_context(self._engine.connect())
            yield connection

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads, on one snapshot."""
        with translated(), self._connected() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield SqlRows(connection, self.seals)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Open a transaction that writes. Without `durable` the commit does not wait for the disk."""
        with translated(), self._connected(within) as connection:
            with connection.begin():
                if durable:
                    make_durable(connection)
                else:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                rows = SqlRows(connection, self.seals)
                yield rows
                rows.finish()
            if rows.wrote_many:
                statistics.renew(connection)

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made; it may take its time."""
        with translated(), self._connected() as connection, connection.begin():
            raw: Any = connection.connection.dbapi_connection
            patience, raw.patience = raw.patience, None
            try:
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305712041902)")
                yield SqlRows(connection, self.seals)
            finally:
                raw.patience = patience

    def find(self, kid: str) -> Row | None:
        """Look one secret up on a held connection, within one limit in all; a broken connection is replaced."""
        with self._lookups.attempt() as seconds:
            until = time.monotonic() + seconds
            try:
                place = self._places.get(timeout=seconds)
            except Empty:
                busy = f"all {_HELD} connections for lookups have been busy for {seconds:g} s"
                raise StoreUnavailable(busy) from None
            try:
                if is_session(kid):
                    return read_session(self._ask(_FIND_SESSION, kid, until))
                row = read(self._ask(_FIND_WITHOUT_ROLES, kid, until), self.seals)
                if row is not None and row.role_scopes is not None:
                    row = read(self._ask(_FIND, kid, until), self.seals)
                return row
            except psycopg.Error as error:
                raise unavailable(error) from None
            finally:
                self._places.put(place)

    def _ask(self, statement: Statement, kid: str, until: float) -> Any:
        while True:
            try:
                held, fresh = self._idle.pop(), False
            except IndexError:
                held, fresh = self._connect(max(0.001, until - time.monotonic())), True
            try:
                found = held.ask(statement, kid.encode(), until)
            except psycopg.errors.QueryCanceled:  # the connection is still usable
                self._idle.append(held)
                raise
            except BaseException as error:
                held.close()
                if fresh or not isinstance(error, psycopg.OperationalError) or time.monotonic() >= until:
                    raise
                continue
            self._idle.append(held)
            return found[0] if found else None

    def _connect(self, seconds: float) -> Held:
        with deadline(seconds):
            return Held(self._manage(autocommit=True))

    def find_async(self, kid: str, found: Found | None = None) -> Found:
        """Look one secret up together with all others that are asked for at this moment.

        Return a future for the row: `found`, if it is given.
        """
        loop = asyncio.get_running_loop()
        gathering = self._gatherings.get(loop)
        if gathering is None:
            self._discard_ended()
            parts = (_conninfo(self.url), self._options(), self._lookups, self.seals)
            gathering = self._gatherings[loop] = Gathering(loop, *parts)
        return gathering.find(kid, found)

    def before_fork(self) -> None:
        """Do nothing: a child can leave the parent's connections alone."""

    def after_fork_in_parent(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Begin anew in a forked child, which ends nothing that it inherited."""
        _inherited.append(self.__dict__.copy())
        leave_inherited()
        self._lookups.forget()
        self._open()

    def close(self) -> None:
        """Close all connections that no caller is using."""
        self._engine.dispose()
        while self._idle:
            self._idle.pop().close()

    async def close_async(self) -> None:
        """Close what belongs to an event loop."""
        gathering = self._gatherings.pop(asyncio.get_running_loop(), None)
        if gathering is not None:
            await gathering.close()
        self._discard_ended()

    def _discard_ended(self) -> None:
        for loop in [loop for loop in self._gatherings if loop.is_closed()]:
            self._gatherings.pop(loop).discard()


_inherited: list[object] = []


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
