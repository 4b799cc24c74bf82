"""Tokenry's own SQLite file: one connection writes, a few read, and one looks keys up inline.

Several processes may share the file. `{database}.lock` is held shared by each of them, or exclusively by one that wants
to be alone. Writes are serialised by `{database}.write` over all processes: SQLite before 3.51.3 can lose data when two
connections write and checkpoint at the same instant, and waiting for a lock is fairer than SQLite's own retries.

SQLite keeps account of a process's file locks inside the process. A child forked with open connections believes in
locks that it does not hold, and loses what it writes when the parent closes the file. So at the moment of a fork no
connection of ours is open, and no thread of ours is inside SQLite.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from tokenry.core.errors import ConfigError, StoreUnavailable
from tokenry.core.grant import Row

from .commits import commits
from .failures import refuse, translated, unavailable
from .fixed import Reader
from .locks import lock_file, make_private, presence, wait_for
from .lookup import is_session, lookup_sql, read, session_sql
from .rows import SqlRows

_log = logging.getLogger("tokenry.store")
_FIND = lookup_sql("sqlite", "= ?")
_FIND_SESSION = session_sql("sqlite", "= ?")
_FENCE = "SELECT counter FROM tokenry_fence WHERE id = 1"
_READERS = 4
_MAPPED_BYTES = 0x7FFF0000  # SQLite's own maximum: pages are read where the system keeps them, not copied
_TURN_SECONDS = 30
FORKED_WITHIN = (
    "this process was forked in the middle of its parent's use of the database {}, so it cannot use it safely: open "
    "Tokenry after the fork (uWSGI: lazy-apps = true)"
)

_inherited: list[object] = []
"""What a forked child got from its parent in spite of all. It must neither use nor close it: kept until it ends."""


class SqliteDatabase:
    """A database in one file, or in memory when `path` is empty."""

    dialect = "sqlite"

    def __init__(self, path: str, *, exclusive: bool, timeout: float) -> None:
        self.path = path
        self.alone = exclusive or not path
        self._timeout = timeout
        self._memory: sqlite3.Connection | None = None
        self._write_file: int | None = None
        self._presence: int | None = None
        self._epoch = 0
        self._place: tuple[int, int] | None = None
        self._begin_anew()
        self._take_part()
        try:
            with translated(), self._writing, self._file_lock(), self._writer.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                if self.path:
                    raw.execute("PRAGMA journal_mode = WAL")
                else:
                    self._memory = raw
                self._open_finder()
            self._place = self._find_place()
        except sqlite3.Error as error:
            self._close_files()
            raise unavailable(error) from None
        except BaseException:
            self._close_files()
            raise

    def _take_part(self) -> None:
        """Show that this process uses the file."""
        if self.path:
            make_private(self.path)
            self._presence = presence(self.path, exclusive=self.alone)
            self._write_file = None if self.alone else lock_file(self.path + ".write")

    def _find_place(self) -> tuple[int, int] | None:
        """Return which file has the name of this database now, and None when none has."""
        if self.path:
            with contextlib.suppress(OSError):
                found = os.stat(self.path)
                return found.st_dev, found.st_ino
        return None

    def _check_place(self) -> None:
        """Raise StoreUnavailable when the file has lost its name: what is written to it would be lost with it."""
        if self._find_place() != self._place:
            message = (
                f"the database {self.path} was moved, removed or replaced while it is in use; nothing was changed. "
                "Put it back, or end this process and start it on the file that is there now"
            )
            _log.error(message)
            raise StoreUnavailable(message, cause="moved")

    def _begin_anew(self) -> None:
        """Have no connection; they are opened when they are needed."""
        self._write_file = self._presence = None
        self._finder: Any = None
        self._commits: Callable[[], bytes] | None = None
        self._writer = self._writing_engine()
        self._readers: list[Reader] = []
        self._new_locks()

    def _new_locks(self) -> None:
        self._writing = threading.RLock()
        self._finding = threading.Lock()
        self._reading = threading.BoundedSemaphore(_READERS)
        self._changing = False
        self._at_rest = False
        self._rest = contextlib.ExitStack()

    def _open_finder(self) -> None:
        self._finder = self._memory or self._connect(read_only=True)
        self._epoch += 1 << 40  # every connection counts versions in its own way
        self._commits = None if self._memory else commits(self.path, self._finder)

    def _writing_engine(self) -> Engine:
        engine = create_engine("sqlite://", creator=self._connect, poolclass=StaticPool, hide_parameters=True)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads, on one snapshot."""
        self._check_place()
        if self._memory:
            with self._writing, self._outermost(), translated(), self._writer.begin() as connection:
                yield SqlRows(connection, counts_fence=False)
            return
        with _turn(self._reading), translated():
            reader = self._readers.pop() if self._readers else Reader(self._connect(read_only=True))
            try:
                reader.raw.execute("BEGIN")
                yield SqlRows(cast("Connection", reader), counts_fence=False)
            finally:
                try:
                    reader.raw.execute("COMMIT")
                except sqlite3.Error:
                    reader.close()
                    raise
                self._readers.append(reader)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Open a transaction that writes: it has the only write lock from its first moment."""
        self._check_place()
        with self._writing, self._outermost(), self._file_lock(), translated(), self._writer.connect() as connection:
            self._changing = True
            try:
                if not durable:
                    self._synchronous(connection, "NORMAL")
                with connection.begin():
                    yield SqlRows(connection, counts_fence=True)
            finally:
                self._changing = False
                if not durable:
                    self._synchronous(connection, "FULL")

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made."""
        with self.change() as rows:
            yield rows

    def find(self, kid: str) -> Row | None:
        """Look one secret (or session) up, inline: about 10 microseconds, a hop to a thread would cost more."""
        row = self._ask(_FIND_SESSION if is_session(kid) else _FIND, (kid,))
        return read(row)

    def version(self) -> object:
        """Return what differs from before when anybody has committed to the file."""
        read = self._commits
        if read is not None:
            return read()
        try:
            with self._finding:
                if self._finder is None:
                    self._open_finder()
                return self._epoch + int(self._finder.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable(error) from None

    def fence(self) -> int:
        """Return the count of changes that may turn verdicts."""
        return int(self._ask(_FENCE, ())[0])

    def _ask(self, statement: str, parameters: tuple[str, ...]) -> Any:
        try:
            with self._writing if self._memory else self._finding:
                if self._finder is None:
                    self._open_finder()
                return self._finder.execute(statement, parameters).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error) from None

    def before_fork(self) -> None:
        """Come to rest until the fork is over: wait for the threads inside, let nobody in, close all connections."""
        rest = self._rest = contextlib.ExitStack()
        self._at_rest = all(
            _acquired(lock, 2 * self._timeout, rest)
            for lock in (self._writing, *[self._reading] * _READERS, self._finding)
        )
        self._at_rest = self._at_rest and not self._changing  # the thread that forks may be inside itself
        if self._at_rest and self.path:
            try:
                with self._file_lock():
                    self._close_connections()
            except StoreUnavailable:
                self._at_rest = False

    def after_fork_in_parent(self) -> None:
        """Go on; connections are opened again when they are needed."""
        self._at_rest = False
        self._rest.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child, which closes nothing of its parent's and is refused where it must be."""
        if not self._at_rest:
            _inherited.append(self.__dict__.copy())
            self._begin_anew()
            refuse(self, ConfigError(FORKED_WITHIN.format(self.path or "in memory")))
        elif not self.path:
            self._new_locks()
        else:
            self._close_files()  # our copies only: the parent keeps its locks, and nothing keeps them after it
            self._begin_anew()
            try:
                self._take_part()
                self._place = self._find_place()
            except ConfigError as error:
                refuse(self, error)

    def close(self) -> None:
        """Close all connections; the last one, which may checkpoint, under the write lock."""
        with self._writing, self._file_lock():
            if self.path:
                self._close_connections()
            else:
                self._writer.dispose()
        self._close_files()

    def _close_connections(self) -> None:
        if self._finder is not None:
            self._commits = None  # before the connection that lets it be read
            self._finder.close()
            self._finder = None
        while self._readers:
            self._readers.pop().close()
        self._writer.dispose()

    def _close_files(self) -> None:
        for file in (self._write_file, self._presence):
            if file is not None:
                os.close(file)
        self._write_file = self._presence = None

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        if self._changing:  # the lock let us in, so it is this very thread
            raise ConfigError("Tokenry was called within a transaction of its own: an owner_loader must not call it")
        yield

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        if self._write_file is None:
            yield
            return
        wait_for(self._write_file, self._timeout)
        try:
            yield
        finally:
            fcntl.flock(self._write_file, fcntl.LOCK_UN)

    @staticmethod
    def _synchronous(connection: Any, level: str) -> None:
        connection.connection.dbapi_connection.execute(f"PRAGMA synchronous = {level}")


@contextmanager
def _turn(places: threading.BoundedSemaphore) -> Iterator[None]:
    if not places.acquire(timeout=_TURN_SECONDS):
        raise StoreUnavailable(f"{_READERS} reads have been running for {_TURN_SECONDS} s; try again")
    try:
        yield
    finally:
        places.release()


def _acquired(lock: Any, timeout: float, held: contextlib.ExitStack) -> bool:
    if not lock.acquire(timeout=timeout):
        return False
    held.callback(lock.release)
    return True
