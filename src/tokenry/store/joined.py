"""The transaction of a host application, which the host will commit or roll back.

The connection is the host's, and so are most of its faults: it was closed, two threads share it, it has no transaction.
Each of them is told as a ConfigError that says what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Transaction, event, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError, ProgrammingError

from tokenry.core.document import Seals
from tokenry.core.errors import Closed, ConfigError, NestedCall
from tokenry.core.grant import Row

from .failures import translated
from .fence import make_durable
from .lookup import find_in
from .rows import SqlRows

_TAKE_WRITE_LOCK = text("UPDATE tokenry_fence SET counter = counter WHERE id = 1")
_IDLE = 0  # libpq's transaction status
_used: WeakSet[Connection] = WeakSet()
_SETTLING = "tokenry.settling"
_lock = threading.Lock()


class JoinedDatabase:
    """The transaction of a host.

    `current` returns its connection at each call: a Session sets its savepoint when somebody asks for that.
    """

    def __init__(
        self, current: Callable[[], Connection], seals: Seals, check: Callable[[], None] = lambda: None
    ) -> None:
        self._current = current
        self._seals = seals
        self._check = check
        self._turn = threading.Lock()
        self._ended = False
        self._changed_in: Transaction | None = None

    def open(self) -> None:
        """Raise ConfigError for a connection that cannot be used."""
        with self._joined() as connection:
            if _is_autocommit(connection):
                raise _no_transaction("the connection")

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Read inside the host's transaction."""
        with self._joined() as connection:
            yield SqlRows(connection, self._seals)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Write inside the host's transaction, behind a savepoint: a failed call leaves nothing of itself."""
        with self._joined() as connection:
            begin_change(connection, "the connection")
            self._changed_in = connection.get_transaction()
            with connection.begin_nested():
                rows = SqlRows(connection, self._seals)
                yield rows
                rows.finish()

    def find(self, kid: str) -> Row | None:
        """Look one secret up inside the host's transaction."""
        with self._joined() as connection:
            return find_in(connection, kid, self._seals)

    def is_open(self) -> bool:
        """Tell whether what was changed is neither committed nor rolled back."""
        return self._changed_in is not None and self._changed_in.is_active

    def has_committed(self) -> bool:
        """Tell whether something was changed that is over now, on a connection that may block its thread."""
        changed_in = self._changed_in
        return changed_in is not None and not (changed_in.is_active or changed_in.connection.dialect.is_async)

    def is_over(self) -> bool:
        """Tell whether nothing can be changed any more, nor anything be committed."""
        return self._ended and not self.is_open()

    def end(self) -> None:
        """Refuse every further call: a Session would begin a transaction that nobody ends."""
        self._ended = True

    @contextmanager
    def _joined(self) -> Iterator[Connection]:
        """Let one call in; raise Closed for what the host has done to its transaction."""
        if self._ended:
            raise Closed("this was given by using(), and its block is over: make the call inside of the block")
        if not self._turn.acquire(blocking=False):
            raise _at_once()
        try:
            with translated(), _explained():
                self._check()
                connection = self._current()
                with _alone_on(connection):
                    yield connection
        finally:
            self._turn.release()


def settle_after_commit(session: Any, store: JoinedDatabase, settle: Callable[[], None]) -> None:
    """Call `settle` whenever a Session has committed what was changed on a store, unless that would block a loop."""
    if _SETTLING not in session.info:
        session.info[_SETTLING] = []
        event.listen(session, "after_commit", _committed)
    session.info[_SETTLING].append((store, settle))


def _committed(session: Any) -> None:
    due = session.info[_SETTLING]
    session.info[_SETTLING] = [one for one in due if not one[0].is_over()]
    for store, settle in due:
        if store.has_committed():
            settle()


def begin_change(connection: Connection, whose: str) -> None:
    """Take SQLite's write lock, so that a change can wait its turn; raise ConfigError when there is no transaction."""
    if connection.dialect.name == "sqlite":
        connection.execute(_TAKE_WRITE_LOCK)
        if not getattr(_driven(connection), "in_transaction", True):
            raise _no_transaction(whose)
        return
    if _is_autocommit(connection):
        raise _no_transaction(whose)
    make_durable(connection)


def _is_autocommit(connection: Connection) -> bool:
    """Tell whether PostgreSQL would commit every statement by itself, and no transaction was begun by hand."""
    adapted = connection.connection.dbapi_connection
    if connection.dialect.name != "postgresql" or getattr(adapted, "autocommit", False) is not True:
        return False
    return int(getattr(getattr(_driven(connection), "info", None), "transaction_status", _IDLE)) == _IDLE


def _driven(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection


@contextmanager
def _alone_on(connection: Connection) -> Iterator[None]:
    """Keep the calls of another `using` on one connection out: drivers would mix their statements and savepoints."""
    with _lock:
        if connection in _used:
            raise _at_once()
        _used.add(connection)
    try:
        yield
    finally:
        _used.discard(connection)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what SQLAlchemy and drivers say of a connection that cannot be used into `Closed`."""
    try:
        yield
    except InvalidRequestError:  # closed, ended by itself, or waiting for a rollback
        raise _over() from None
    except DBAPIError as error:
        if isinstance(error, ProgrammingError) and type(error.orig).__module__ == "sqlite3":
            raise _over() from None  # with SQLite that is always a connection that may not be used, or not here
        if type(error.orig).__name__ != "InFailedSqlTransaction":
            raise
        raise Closed(
            "the host's transaction has failed before: roll it back, or to a savepoint that the host set before that"
        ) from None


def _over() -> Closed:
    return Closed("the host's transaction is over or was closed: begin another one, and using() again")


def _at_once() -> NestedCall:
    return NestedCall(
        "two calls inside of one transaction at the same time: make one after the other, and give every thread a "
        "connection of its own"
    )


def _no_transaction(whose: str) -> ConfigError:
    return ConfigError(
        f"{whose} is in AUTOCOMMIT, so that nothing could be taken back: pass one with an isolation level that has "
        "transactions, such as execution_options(isolation_level='READ COMMITTED')"
    )
