"""Tokenry's own SQLite file: one connection writes, a few read, and one looks keys up inline.

Several processes may share the file. `{database}.lock` is held shared by each of them, or exclusively by one that wants
to be alone. Writes are serialised by `{database}.write` over all processes: SQLite before 3.51.3 can lose data when two
connections write and checkpoint at the same instant. A process holds `{database}.turn` while it waits for that lock, so
a process that writes batch after batch cannot keep others waiting.

SQLite keeps account of a process's file locks inside the process. A child forked with open connections believes in
locks that it does not hold, and loses what it writes when the parent closes the file. So at the moment of a fork no
connection of ours is open, and no thread of ours is inside SQLite.
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
from typing import Any, cast

from sqlalchemy import Connection

from tokenry.core.document import Seals
from tokenry.core.errors import ConfigError, NestedCall, StoreUnavailable
from tokenry.core.grant import Row

from .failures import refuse, translated
from .finder import Finder
from .fixed import Raw
from .locks import Turns, lock_file, make_private, presence, take_turn
from .place import Place, must_have_one_name
from .rows import SqlRows
from .slow import SlowStatements
from .together import Together

_READERS = 4
_MAPPED_BYTES = 0x7FFF0000  # SQLite's own maximum: pages are read where the system keeps them, not copied
_CHECKPOINT_PAGES = 1000  # SQLite's own number
_TURN_SECONDS = 30
_START_SECONDS = 30  # for other processes that make the tables at this moment
FORKED_WITHIN = (
    "this process was forked in the middle of its parent's use of the database {}, so it cannot use it safely: open "
    "Tokenry after the fork (uWSGI: lazy-apps = true)"
)

_inherited: list[object] = []
"""Objects that a forked child inherited from its parent. The child must neither use nor close them until it ends."""


class SqliteDatabase:
    """A database in one file, or in memory when `path` is empty."""

    dialect = "sqlite"

    def __init__(self, path: str, *, exclusive: bool, timeout: float, slow: SlowStatements) -> None:
        self.path = path
        self.alone = exclusive or not path
        self.seals = Seals()
        self._timeout = timeout
        self._watched = slow.connection_class()
        self._memory: sqlite3.Connection | None = None
        self._write_file: int | None = None
        self._turn_file: int | None = None
        self._presence: int | None = None
        must_have_one_name(self.path)
        self._begin_anew()
        try:
            self._take_part()
            with translated(), self._writing, self._file_lock(_START_SECONDS):
                if self.path:
                    self._write_with.raw.execute("PRAGMA journal_mode = WAL")
                else:
                    self._memory = self._write_with.raw
                self._finder = self._make_finder()
                self._finder.check()
        except BaseException:
            self._close_files()
            raise

    def _take_part(self) -> None:
        """Show that this process uses the file."""
        if self.path:
            make_private(self.path)
            self._presence = presence(self.path, exclusive=self.alone)
            if not self.alone:
                self._write_file = lock_file(self.path + ".write")
                self._turn_file = lock_file(self.path + ".turn")

    def _make_finder(self) -> Finder:
        place = Place(self.path, ".lock", *([] if self.alone else [".write"]))
        lock = None if self.path else self._writing
        return Finder(place, self._connect_finder, sqlite3.Error, self._timeout, self.seals, lock)

    def _connect_finder(self) -> sqlite3.Connection:
        return self._memory or self._connect(read_only=True, kind=sqlite3.Connection)

    def _begin_anew(self) -> None:
        """Have no connection; they are opened when they are needed."""
        self._write_file = self._turn_file = self._presence = None
        self._writer: Raw | None = None
        self._readers: list[Raw] = []
        self._new_locks()
        self._finder = self._make_finder()

    def _new_locks(self) -> None:
        self._writing = Turns()
        self._reading = threading.BoundedSemaphore(_READERS)
        self._changing = False
        self._at_rest = False
        self._rest = contextlib.ExitStack()

    @property
    def _write_with(self) -> Raw:
        """The connection that writes."""
        if self._writer is None:
            self._writer = Raw(self._connect())
        return self._writer

    def _connect(self, *, read_only: bool = False, kind: type[sqlite3.Connection] | None = None) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:",
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            factory=kind or self._watched,
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
        self._finder.look()
        if self._memory:
            with self._held(self._timeout), self._outermost(), translated():
                _end(self._write_with.raw)
                with self._write_with.transaction("BEGIN"):
                    yield _rows(self._write_with, self.seals)
            return
        with _turn(self._reading), translated():
            reader = self._readers.pop() if self._readers else Raw(self._connect(read_only=True))
            try:
                with reader.transaction("BEGIN"):
                    yield _rows(reader, self.seals)
            finally:
                if reader.raw.in_transaction:  # it could not be ended
                    reader.close()
                else:
                    self._readers.append(reader)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Open a transaction that writes: it has the only write lock from its first moment.

        All the locks together are waited for as long as `within`, or `store_timeout`. With a `within` of 0
        nothing waits for the disk either: the checkpoint that may be due is left to another change.
        """
        seconds = self._timeout if within is None else within
        until = time.monotonic() + seconds
        with self._held(seconds), self._outermost(), self._file_lock(until - time.monotonic()):
            self._finder.check()
            with translated():
                writer = self._write_with
                self._changing = True
                try:
                    _end(writer.raw)
                    _prepare(writer.raw, "FULL" if durable else "NORMAL", until - time.monotonic())
                    with _checkpoints(writer.raw, allowed=seconds > 0), writer.transaction("BEGIN IMMEDIATE"):
                        rows = _rows(writer, self.seals)
                        yield rows
                        rows.finish()
                finally:
                    self._changing = False
                    _end(writer.raw)
            self._finder.check(changed=True)

    @contextmanager
    def change_together(self) -> Iterator[Together]:
        """Open a transaction that many changes share. Each is behind a savepoint; all are committed at the end."""
        with self.change():
            together = Together(self._write_with, self.seals)
            yield together
            together.check()

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made; another process may be making them now."""
        with self.change(within=max(self._timeout, _START_SECONDS)) as rows:
            yield rows

    def is_busy(self) -> bool:
        """Tell whether a read would have to wait for another one to end."""
        if self._reading.acquire(blocking=False):
            self._reading.release()
            return False
        return True

    def find(self, kid: str) -> Row | None:
        """Look one secret (or session) up, inline."""
        return self._finder.find(kid)

    def version(self) -> object:
        """Return a value that changes with every commit to the file."""
        return self._finder.version()

    def fence(self) -> int:
        """Return the count of changes that may turn verdicts."""
        return self._finder.fence()

    def check_files(self) -> None:
        """Raise StoreUnavailable if the files are not those that were opened."""
        self._finder.check()

    def before_fork(self) -> None:
        """Come to rest until the fork is over: wait for the threads inside, let nobody in, close all connections."""
        rest = self._rest = contextlib.ExitStack()
        self._at_rest = all(
            _acquired(lock, 2 * self._timeout, rest)
            for lock in (self._writing, *[self._reading] * _READERS, self._finder.lock)
        )
        self._at_rest = self._at_rest and not self._changing  # the thread that forks may be inside itself
        self._at_rest = self._at_rest and not self._finder.place.is_taken()
        if self._at_rest and self.path:
            try:
                with self._file_lock(self._timeout):
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
            refuse(self, ConfigError(FORKED_WITHIN.format(self.path or "in memory")))
            self._begin_anew()
        elif not self.path:
            self._new_locks()
            self._finder = self._make_finder()
        else:
            self._close_files()  # our copies only: the parent keeps its locks, and nothing keeps them after it
            self._begin_anew()
            try:
                self._take_part()
                self._finder = self._make_finder()
            except ConfigError as error:
                refuse(self, error)

    def close(self) -> None:
        """Close all connections; the last one, which may checkpoint, under the write lock."""
        with self._held(self._timeout), self._file_lock(self._timeout):
            self._close_connections()
        self._close_files()

    def _close_connections(self) -> None:
        """Close all connections. Not if other files have their names by now: SQLite would remove those as its own."""
        if self._finder.place.is_taken():
            self._finder.place.abandon(self._writer, *self._readers)
        else:
            for one in (*self._readers, self._writer):
                if one is not None:
                    one.close()
            self._readers, self._writer = [], None
        self._finder.close()

    def _close_files(self) -> None:
        for file in (self._write_file, self._turn_file, self._presence):
            if file is not None:
                os.close(file)
        self._write_file = self._turn_file = self._presence = None

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        if self._changing:  # the lock let us in, so it is this very thread
            raise NestedCall("Tokenry was called within a transaction of its own: an owner_loader must not call it")
        yield

    @contextmanager
    def _held(self, seconds: float) -> Iterator[None]:
        if not self._writing.acquire(timeout=max(0.0, seconds)):
            raise StoreUnavailable(f"another thread has been writing for {seconds:g} s; nothing was changed, try again")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _file_lock(self, seconds: float) -> Iterator[None]:
        if self._write_file is None or self._turn_file is None:
            yield
            return
        take_turn(self._turn_file, self._write_file, max(0.0, seconds))
        try:
            yield
        finally:
            fcntl.flock(self._write_file, fcntl.LOCK_UN)


def _end(raw: sqlite3.Connection) -> None:
    """Roll back a transaction that is still open: a second Ctrl-C may have interrupted its end.

    It would keep every other process from writing, and fail each later change here.
    """
    if raw.in_transaction:
        raw.execute("ROLLBACK")


def _prepare(raw: sqlite3.Connection, synchronous: str, seconds: float) -> None:
    raw.execute(f"PRAGMA synchronous = {synchronous}")
    raw.execute(f"PRAGMA busy_timeout = {max(1, int(seconds * 1000))}")


@contextmanager
def _checkpoints(raw: sqlite3.Connection, *, allowed: bool) -> Iterator[None]:
    """Commit without a checkpoint, unless one is allowed: a checkpoint waits for the disk."""
    if allowed:
        yield
        return
    raw.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        yield
    finally:
        raw.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _rows(raw: Raw, seals: Seals) -> SqlRows:
    return SqlRows(cast("Connection", raw), seals)


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
