"""Connections to PostgreSQL that never wait for longer than they may.

psycopg limits one connection attempt and one statement. Here a deadline limits all of them together: several addresses
of one host, a broken connection and its replacement, and every statement of a transaction.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.waiting import wait_async

_deadline: ContextVar[float | None] = ContextVar("tokenry_deadline", default=None)
_sockets: dict[int, int] = {}
"""The inode of the socket that a connection had last, by the number of its file: an entry may be out of date."""


@contextmanager
def deadline(seconds: float) -> Iterator[float]:
    """Limit everything that this thread does on connections inside, all together; yield when that ends."""
    at = time.monotonic() + seconds
    token = _deadline.set(at)
    try:
        yield at
    finally:
        _deadline.reset(token)


def leave_inherited() -> None:
    """Let go of the parent's sockets, in a forked child.

    The server ends a transaction when the last process that holds its socket has gone: a parent that is killed would
    leave its locks behind for as long as the child lives. Nothing is sent, and the numbers of the files stay taken.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number, inode in _sockets.items():
        with suppress(OSError):  # it was closed
            if os.fstat(number).st_ino == inode:
                os.dup2(nothing, number, inheritable=False)
    os.close(nothing)
    _sockets.clear()


class Forkable(psycopg.BaseConnection[Any]):
    """A connection whose socket a forked child lets go of, also when the parent was still connecting."""

    @classmethod
    def _connect_gen(cls, *args: Any, **options: Any) -> Any:
        """Connect as psycopg does, which names the socket each time that it waits: it may try several."""
        steps: Any = super()._connect_gen(*args, **options)
        try:
            wanted = next(steps)
            while True:
                _sockets[wanted[0]] = os.fstat(wanted[0]).st_ino
                wanted = steps.send((yield wanted))
        except StopIteration as end:
            return end.value


_WHO = "SELECT pg_backend_pid()"


def prepare_after(connection: psycopg.Connection[Any], uses: int) -> None:
    """Let a new connection prepare what is executed more than so many times, unless a pooler is in between.

    A pooler gives each transaction another connection of its own, on which a statement of our name may be another one.
    It shows, since it does not tell the process id of a server to its clients.
    """
    autocommit = connection.autocommit
    connection.autocommit = True
    is_direct = connection.execute(_WHO).fetchall() == [(connection.info.backend_pid,)]
    connection.autocommit = autocommit
    connection.prepare_threshold = uses if is_direct else None


async def prepare_after_async(connection: psycopg.AsyncConnection[Any], uses: int) -> None:
    """Do the same with a connection in autocommit on an event loop."""
    found = await (await connection.execute(_WHO)).fetchall()
    connection.prepare_threshold = uses if found == [(connection.info.backend_pid,)] else None


class Impatient(Forkable, psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer, not even that a statement took too long."""

    patience: float | None = None
    """How many seconds one statement may take, if no deadline is nearer."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server; afterwards the connection is closed if that took too long."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        began, limit = time.monotonic(), self._limit()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if limit is not None and time.monotonic() - began >= limit:
                # The state of the connection is unknown: even a rollback would wait again.
                self.pgconn.finish()
            raise

    def _limit(self) -> float | None:
        at = _deadline.get()
        if at is None:
            return self.patience
        left = max(0.001, at - time.monotonic())
        return left if self.patience is None else min(left, self.patience)

    @classmethod
    def _connect_gen(cls, *args: Any, **options: Any) -> Any:
        """Connect as psycopg does, which calls this once for every address and resumes it at least every 0.1 s."""
        steps: Any = super()._connect_gen(*args, **options)
        at = _deadline.get()
        try:
            wanted = next(steps)
            while True:
                if at is not None and time.monotonic() >= at:
                    raise psycopg.errors.ConnectionTimeout("connecting took too long")
                wanted = steps.send((yield wanted))
        except StopIteration as end:
            return end.value


class ImpatientAsync(Forkable, psycopg.AsyncConnection[Any]):
    """The same on an event loop, where the caller's own timeout ends every wait by cancelling it."""

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109 psycopg's
        """Wait for the server; close the connection if that is cancelled.

        psycopg would ask the server to cancel the statement, and wait for that. A server that does not answer would not
        answer that either.
        """
        try:
            return await wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise
