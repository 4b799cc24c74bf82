"""Tokenry's own connections to PostgreSQL: a pool for management, and held ones for lookups.

A lookup of one caller goes to the driver directly, prepared and in binary form. Lookups of many callers on one event
loop are gathered: while one statement is under way the next callers collect, and travel together.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine import URL

from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Row

from .failures import translated, unavailable
from .lookup import is_session, lookup_sql, lookup_without_roles_sql, read, session_sql
from .rows import SqlRows

_FIND = lookup_sql("postgresql", "= %s")
_FIND_WITHOUT_ROLES = lookup_without_roles_sql("postgresql", "= %s")
_FIND_MANY = lookup_sql("postgresql", "= any(%s)")
_FIND_SESSION = session_sql("postgresql", "= %s")
_FIND_SESSIONS = session_sql("postgresql", "= any(%s)")
_BATCH = 256
_LANES = 2
_WORTH_A_LANE = 16
_HELD = 8
_SERVER_FIRST = 1.0
"""How many seconds the server has to say itself that a statement took too long, before we stop waiting for it."""


class PostgresDatabase:
    """A database on a PostgreSQL server."""

    dialect = "postgresql"
    alone = False

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._timeout = timeout
        self._open()

    def _open(self) -> None:
        self._engine: Engine = create_engine(
            self._url, creator=self._manage, pool_pre_ping=True, pool_timeout=self._timeout, hide_parameters=True
        )
        self._idle: deque[Any] = deque()
        self._held = BoundedSemaphore(_HELD)
        self._gathering: Gathering | None = None

    def _manage(self) -> Any:
        connection = _Impatient.connect(
            _conninfo(self._url), connect_timeout=max(1, round(self._timeout)), options=self._options()
        )
        connection.patience = self._timeout + _SERVER_FIRST
        return connection

    def _options(self) -> str:
        return f"-c statement_timeout={int(self._timeout * 1000)} -c timezone=UTC"

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads, on one snapshot."""
        with translated(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield SqlRows(connection, counts_fence=False)

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[SqlRows]:
        """Open a transaction that writes. What need not survive a power cut does not wait for the disk."""
        with translated(), self._engine.begin() as connection:
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield SqlRows(connection, counts_fence=False)

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made; it may take its time."""
        with translated(), self._engine.begin() as connection:
            raw: Any = connection.connection.dbapi_connection
            patience, raw.patience = raw.patience, None
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305712041902)")
            yield SqlRows(connection, counts_fence=False)
            raw.patience = patience

    def find(self, kid: str) -> Row | None:
        """Look one secret up on a held connection; a broken one is replaced once."""
        if not self._held.acquire(timeout=self._timeout):
            raise StoreUnavailable(f"all {_HELD} connections for lookups have been busy for {self._timeout:g} s")
        try:
            if is_session(kid):
                return self._ask(_FIND_SESSION, kid)
            row = self._ask(_FIND_WITHOUT_ROLES, kid)
            if row is not None and row.role_scopes is not None:
                row = self._ask(_FIND, kid)
            return row
        except psycopg.Error as error:
            raise unavailable(error) from None
        finally:
            self._held.release()

    def _ask(self, statement: str, kid: str) -> Row | None:
        began = time.monotonic()
        while True:
            try:
                cursor, fresh = self._idle.pop(), False
            except IndexError:
                cursor, fresh = self._connect(), True
            try:
                row = cursor.execute(statement, (kid,), prepare=True).fetchone()
            except psycopg.OperationalError:
                cursor.connection.close()
                if fresh or time.monotonic() - began >= self._timeout:
                    raise
                continue
            self._idle.append(cursor)
            return read(row)

    def _connect(self) -> Any:
        connection = _Impatient.connect(
            _conninfo(self._url),
            autocommit=True,
            connect_timeout=max(1, round(self._timeout)),
            options=self._options(),
        )
        connection.patience = self._timeout + _SERVER_FIRST
        return connection.cursor(binary=True)

    def find_async(self, kid: str) -> asyncio.Future[Row | None]:
        """Look one secret up together with all others that are asked for at this moment."""
        loop = asyncio.get_running_loop()
        if self._gathering is None or self._gathering.loop is not loop:
            self._gathering = Gathering(loop, _conninfo(self._url), self._options(), self._timeout)
        return self._gathering.find(kid)

    def before_fork(self) -> None:
        """Do nothing: a child can leave the parent's connections alone."""

    def after_fork_in_parent(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Begin anew in a forked child, which closes nothing that it inherited."""
        _inherited.append(self.__dict__.copy())
        self._open()

    def close(self) -> None:
        """Close all connections that no caller is using."""
        self._engine.dispose()
        while self._idle:
            self._idle.pop().connection.close()

    async def close_async(self) -> None:
        """Close what belongs to an event loop."""
        if self._gathering is not None:
            await self._gathering.close()
            self._gathering = None


_inherited: list[object] = []


_BROKEN = psycopg.OperationalError
"""What another connection may do better."""


class _Impatient(psycopg.Connection[Any]):
    """A connection that gives up on a server that does not answer at all, not even that it took too long."""

    patience: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - began >= self.patience:
                self.pgconn.finish()  # nobody knows what it would say: even a rollback would wait again
            raise


class _ImpatientAsync(psycopg.AsyncConnection[Any]):
    """The same on an event loop. It does not cancel: a server that does not answer does not hear of that either."""

    patience: float | None = None

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109 psycopg's
        began = time.monotonic()
        try:
            return await super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - began >= self.patience:
                self.pgconn.finish()
            raise


class Gathering:
    """Lookups of one event loop, gathered into few statements on two held connections.

    While the server works on one statement the loop works on the answer of the other.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, conninfo: str, options: str, timeout: float) -> None:
        self.loop = loop
        self._conninfo = conninfo
        self._settings: dict[str, Any] = {"connect_timeout": max(1, round(timeout)), "options": options}
        self._patience = timeout + _SERVER_FIRST
        self._waiting: dict[str, list[asyncio.Future[Row | None]]] = {}
        self._idle: list[Any] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = 0

    def find(self, kid: str) -> asyncio.Future[Row | None]:
        """Return a future of the row, one for each caller; a kid that many wait for is asked once."""
        future: asyncio.Future[Row | None] = self.loop.create_future()
        self._waiting.setdefault(kid, []).append(future)
        if not self._tasks or (len(self._tasks) < _LANES and len(self._waiting) >= _WORTH_A_LANE):
            self._tasks.add(self.loop.create_task(self._run()))
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                self._asking += 1
                began = self.loop.time()
                try:
                    rows = await self._ask(list(batch))
                except psycopg.Error as error:
                    if self.loop.time() - began >= self._patience / 2:  # who has waited beside it need not wait again
                        batch, self._waiting = {**self._waiting, **batch}, {}
                    _answer(batch, {}, unavailable(error))
                else:
                    _answer(batch, rows, None)
                finally:
                    self._asking -= 1
        finally:
            self._tasks.discard(asyncio.current_task())

    def _take(self) -> dict[str, list[asyncio.Future[Row | None]]]:
        """Take what waits; only half of it when the other connection has nothing to do and will take the rest."""
        most = _BATCH
        if len(self._waiting) >= _WORTH_A_LANE and len(self._tasks) == _LANES and not self._asking:
            most = min(most, (len(self._waiting) + 1) // 2)
        if len(self._waiting) <= most:
            batch, self._waiting = self._waiting, {}
            return batch
        return {kid: self._waiting.pop(kid) for kid in list(self._waiting)[:most]}

    async def _ask(self, kids: list[str]) -> dict[str, Row]:
        began = time.monotonic()
        while True:
            fresh = not self._idle
            cursor = self._idle.pop() if self._idle else await self._connect()
            try:
                rows = await _find_many(cursor, kids)
            except psycopg.Error as error:
                await cursor.connection.close()
                if fresh or time.monotonic() - began >= self._patience or not isinstance(error, _BROKEN):
                    raise
            else:
                self._idle.append(cursor)
                return rows

    async def _connect(self) -> Any:
        connection = await _ImpatientAsync.connect(self._conninfo, autocommit=True, **self._settings)
        connection.patience = self._patience
        return connection.cursor(binary=True)

    async def close(self) -> None:
        """Close the held connections, once nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        while self._idle:
            await self._idle.pop().connection.close()


async def _find_many(cursor: Any, kids: list[str]) -> dict[str, Row]:
    """Look secrets up in one statement, and in another one sessions, if there are any."""
    sessions = [kid for kid in kids if is_session(kid)]
    secrets = [kid for kid in kids if not is_session(kid)] if sessions else kids
    rows: dict[str, Row] = {}
    for statement, wanted in ((_FIND_MANY, secrets), (_FIND_SESSIONS, sessions)):
        if wanted:
            await cursor.execute(statement, (wanted,), prepare=True)
            rows.update((row.kid, row) for found in await cursor.fetchall() if (row := read(found)) is not None)
    return rows


def _answer(
    batch: dict[str, list[asyncio.Future[Row | None]]], rows: dict[str, Row], failure: StoreUnavailable | None
) -> None:
    for kid, futures in batch.items():
        for future in futures:
            if future.done():  # its caller has gone
                continue
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(rows.get(kid))


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
