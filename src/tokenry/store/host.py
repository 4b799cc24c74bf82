"""The database of a host application: its engine, or one connection inside its own transaction.

Nothing is added to the host's engine: no event, no pragma, no isolation level, and no migration by itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from tokenry.core.document import Seals
from tokenry.core.errors import ConfigError
from tokenry.core.grant import Row

from .failures import refuse, translated
from .fence import FenceStore
from .finder import Finder
from .gate import Gate
from .joined import begin_change
from .locks import presence
from .lookup import find_in
from .place import Place, must_have_one_name
from .rows import SqlRows
from .slow import SlowStatements
from .sqlite import FORKED_WITHIN


class HostDatabase:
    """A host's SQLAlchemy engine. On an SQLite file Tokenry reads on a connection of its own beside it.

    That is opened with the engine's driver: a second SQLite library in one process would drop the locks of the first.
    """

    alone = False

    def __init__(self, engine: Engine, *, timeout: float, slow: SlowStatements) -> None:
        # The same pool and events under options of our own: our parameters stay out of the host's log and errors.
        self.engine = engine.execution_options()
        self.engine.hide_parameters = True
        slow.watch(self.engine)
        self.dialect = engine.dialect.name
        self.seals = Seals()
        self.path = _file_of(engine)
        must_have_one_name(self.path)
        # An asynchronous dialect holds its driver in `sqlite`.
        self._driver: Any = getattr(engine.dialect.dbapi, "sqlite", engine.dialect.dbapi)
        self._timeout = timeout
        self._has_pool = bool(self.path) or self.dialect == "postgresql"  # a database in memory is its connection
        self.fence_store = None
        if self.dialect == "postgresql":
            self.fence_store = FenceStore(lambda: self._beside or self.engine, lambda: self._gate.inside())
        self._open()

    def _open(self) -> None:
        self._gate = Gate()
        self._at_rest = False
        self._beside = _with_own_pool(self.engine) if self._has_pool and not self.engine.dialect.is_async else None
        self._presence = presence(self.path, exclusive=False) if self.path else None
        self._finder: Any = None
        if self.path:
            place = Place(self.path, ".lock")
            self._finder = Finder(place, self._connect, self._driver.Error, self._timeout, self.seals)

    def _connect(self) -> Any:
        connection = self._driver.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Open a transaction of the host's engine."""
        self.check_files()
        with self._begun() as connection:
            yield SqlRows(connection, self.seals)

    @contextmanager
    def read_beside(self) -> Iterator[SqlRows]:
        """Open a transaction that only reads, although the caller may hold the last connection of the host's pool."""
        self.check_files()
        with self._begun(self._beside) as connection:
            yield SqlRows(connection, self.seals)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Open a transaction of the host's engine. On SQLite it begins with a write, so that it can wait its turn.

        How long that may take, `within` and `store_timeout` notwithstanding, the host's engine says.
        """
        self.check_files()
        with self._begun() as connection:
            begin_change(connection, "the engine")
            rows = SqlRows(connection, self.seals)
            yield rows
            rows.finish()
        self.check_files(changed=True)

    def check_files(self, *, changed: bool = False) -> None:
        """Raise StoreUnavailable if the files of SQLite are not those that were opened."""
        if self._finder is not None:
            self._finder.check(changed=changed)

    @contextmanager
    def change_schema(self) -> Iterator[SqlRows]:
        """Open a transaction in which tables may be made."""
        with self._begun() as connection:
            if self.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7305712041902)"))
            else:  # the driver begins no transaction for what makes tables, and half of them would be worse than none
                with contextlib.suppress(OperationalError):  # one that the host's own events have begun already
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield SqlRows(connection, self.seals)

    def find(self, kid: str) -> Row | None:
        """Look one secret up: inline on SQLite, on a connection of the host's pool elsewhere."""
        if self._finder is not None:
            found: Row | None = self._finder.find(kid)
            return found
        with translated(), self.engine.connect() as connection:
            return find_in(connection, kid, self.seals)

    def version(self) -> object:
        """Return a value that changes with every commit to the file."""
        return self._finder.version()

    def fence(self) -> int:
        """Return the count of changes that may turn verdicts."""
        return int(self._finder.fence())

    @contextmanager
    def _begun(self, engine: Engine | None = None) -> Iterator[Connection]:
        with self._gate.inside(), translated(), (engine or self.engine).begin() as connection:
            yield connection

    def before_fork(self) -> None:
        """Come to rest until the fork is over: a child must not inherit connections.

        Wait for our own transactions, and close the connections in the pool. Those that the host holds are its own.
        """
        taken = self._finder is not None and self._finder.place.is_taken()
        if self._has_pool:
            self._at_rest = self._gate.close(2 * self._timeout) and not taken
            if self._at_rest and isinstance(self.engine.pool, QueuePool) and not self.engine.dialect.is_async:
                self.engine.dispose()
                if self._beside is not None:
                    self._beside.dispose()
        if self._finder is not None:
            self._finder.lock.acquire()
            self._finder.close()

    def after_fork_in_parent(self) -> None:
        """Go on; connections are opened again when they are needed."""
        if self._finder is not None:
            self._finder.lock.release()
        self._gate.open()

    def after_fork(self) -> None:
        """Begin anew in a forked child, with a new pool: the connections in the old pool belong to the parent."""
        at_rest = self._at_rest or not self.path  # PostgreSQL keeps its locks itself
        _inherited.append((self._finder, self.engine.pool, self._beside))
        if self._has_pool:
            self.engine.dispose(close=False)
        self._leave()
        try:
            self._open()
        except ConfigError as error:
            refuse(self, error)
        if not at_rest:
            refuse(self, ConfigError(FORKED_WITHIN.format(self.path)))

    def close(self) -> None:
        """Close our own connection; the engine stays the host's."""
        if self._finder is not None:
            self._finder.close()
        if self._beside is not None:
            self._beside.dispose()
        self._leave()

    def _leave(self) -> None:
        if self._presence is not None:
            os.close(self._presence)
            self._presence = None


_inherited: list[object] = []


def _with_own_pool(engine: Engine) -> Engine:
    """Return an engine with the connections of another one, and a pool of its own.

    A Session that has committed waits for other processes while it still holds a connection of the host's pool.
    """
    return Engine(engine.pool.recreate(), engine.dialect, engine.url, hide_parameters=True)


def _file_of(engine: Engine) -> str:
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return os.path.realpath(name) if name and name != ":memory:" and not name.startswith("file:") else ""
