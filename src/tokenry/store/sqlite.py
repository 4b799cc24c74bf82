"""Tokenry's own SQLite file: one connection writes, a few read, and one looks keys up inline.

Several processes may share the file. `{database}.lock` is held shared by each of them, or exclusively by one that wants
to be alone. Writes are serialised by `{database}.write` over all processes: SQLite before 3.51.3 can lose data when two
connections write and checkpoint at the same instant, and waiting for a lock is fairer than SQLite's own retries.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from tokenry.core.errors import ConfigError, StoreUnavailable
from tokenry.core.grant import Row

from .failures import translated, unavailable
from .lookup import lookup_sql
from .rows import SqlRows

_FIND = lookup_sql("sqlite", "= ?")
_FENCE = "SELECT counter FROM tokenry_fence WHERE id = 1"
_READERS = 4

_inherited: list[object] = []
"""What a forked child got from its parent. It must neither use nor close it, so it is kept until the child ends."""


class SqliteDatabase:
    """A database in one file, or in memory when `path` is empty."""

    dialect = "sqlite"

    def __init__(self, path: str, *, exclusive: bool, timeout: float) -> None:
        self.path = path
        self.alone = exclusive or not path
        self._timeout = timeout
        self._open()

    def _open(self) -> None:
        self._writing = threading.RLock()
        self._finding = threading.Lock()
        self._presence = _presence(self.path, exclusive=self.alone) if self.path else None
        self._write_file = _lock_file(self.path + ".write") if self.path and not self.alone else None
        try:
            with translated():
                self._writer = self._engine("BEGIN IMMEDIATE", StaticPool)
                with self._writing, self._file_lock(), self._writer.connect() as connection:
                    raw: Any = connection.connection.dbapi_connection
                    if self.path:
                        raw.execute("PRAGMA journal_mode = WAL")
                self._memory = None if self.path else raw
                self._readers = self._engine("BEGIN", QueuePool, read_only=True) if self.path else self._writer
                self._finder = self._connect(read_only=True) if self.path else raw
        except sqlite3.Error as error:
            raise unavailable(error) from None

    def _engine(self, begin: str, pool: Any, **options: Any) -> Engine:
        sized = {"pool_size": _READERS, "max_overflow": 0} if pool is QueuePool else {}
        engine = create_engine("sqlite://", creator=lambda: self._connect(**options), poolclass=pool, **sized)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA mmap_size = 268435456")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads, on one snapshot."""
        with (
            self._writing if self._memory else contextlib.nullcontext(),
            translated(),
            self._readers.begin() as connection,
        ):
            yield SqlRows(connection, counts_fence=False)

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[SqlRows]:
        """Open a transaction that writes: it has the only write lock from its first moment."""
        with self._writing, self._file_lock(), translated(), self._writer.connect() as connection:
            if not durable:
                self._synchronous(connection, "NORMAL")
            try:
                with connection.begin():
                    yield SqlRows(connection, counts_fence=True)
            finally:
                if not durable:
                    self._synchronous(connection, "FULL")

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made."""
        with self.change() as rows:
            yield rows

    def find(self, kid: str) -> Row | None:
        """Look one secret up, inline: about 10 microseconds, a hop to a thread would cost more."""
        try:
            with self._writing if self._memory else self._finding:
                row = self._finder.execute(_FIND, (kid,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from None
        return None if row is None else Row._make(row)

    def version(self) -> int:
        """Return a number that moves when anybody else commits to the file."""
        try:
            with self._finding:
                return int(self._finder.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable(error) from None

    def fence(self) -> int:
        """Return the count of changes that may turn verdicts."""
        try:
            with self._finding:
                return int(self._finder.execute(_FENCE).fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable(error) from None

    def after_fork(self) -> None:
        """Begin anew in a forked child, which closes nothing that it inherited."""
        _inherited.append(self.__dict__.copy())
        if self.path:
            self._open()

    def close(self) -> None:
        """Close all connections; the last one, which may checkpoint, under the write lock."""
        with self._writing, self._file_lock():
            if self.path:
                self._finder.close()
                self._readers.dispose()
            self._writer.dispose()
        for file in (self._write_file, self._presence):
            if file is not None:
                os.close(file)
        self._write_file = self._presence = None

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        if self._write_file is None:
            yield
            return
        _wait_for(self._write_file, self._timeout)
        try:
            yield
        finally:
            fcntl.flock(self._write_file, fcntl.LOCK_UN)

    @staticmethod
    def _synchronous(connection: Any, level: str) -> None:
        connection.connection.dbapi_connection.execute(f"PRAGMA synchronous = {level}")


def _lock_file(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"the lock file {path} cannot be made: {error.strerror}") from None


def _presence(path: str, *, exclusive: bool) -> int:
    file = _lock_file(path + ".lock")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        wish = (
            "this process asked to be alone on it, but others use it" if exclusive else "another process is alone on it"
        )
        hint = "; talk to that process instead (a running server: use --server), or let both share the file"
        raise ConfigError(f"the database {path} is in use: {wish}{hint}") from None
    return file


def _wait_for(file: int, timeout: float) -> None:
    deadline, pause = time.monotonic() + timeout, 0.0001
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"another process has been writing for {timeout:g} s; nothing was changed, try again"
                ) from None
        time.sleep(pause)
        pause = min(pause * 2, 0.005)
