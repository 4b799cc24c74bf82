"""Django's own connection, as SQLAlchemy can use it: inside `atomic()`, and without ending or changing anything.

Django is not imported; the methods of its connection wrapper are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import NullPool

from tokenry.core.errors import Closed, ConfigError

_raw: ContextVar[Any] = ContextVar("tokenry_borrowed")


class _Borrowed:
    """Keeps a dialect from changing a connection that belongs to somebody else."""

    driver = "tokenry"

    def connect(self, *args: Any, **options: Any) -> Any:
        """Return the connection that was lent."""
        return _raw.get()

    def on_connect(self) -> Any:
        """Set nothing up: functions, adapters and handlers on it are Django's."""
        return None

    def _leave(self, connection: Any) -> None:
        """Leave the end of the transaction, and of the connection, to Django."""

    do_begin = do_commit = do_rollback = do_close = do_terminate = _leave


class BorrowedSqlite(_Borrowed, SQLiteDialect_pysqlite):
    """SQLite on a connection of Django's."""

    supports_statement_cache = True


class BorrowedPostgres(_Borrowed, PGDialect_psycopg):
    """PostgreSQL on a connection of Django's."""

    supports_statement_cache = True


registry.register("sqlite.tokenry", __name__, "BorrowedSqlite")
registry.register("postgresql.tokenry", __name__, "BorrowedPostgres")


@contextmanager
def borrowed(connection: Any) -> Iterator[Connection]:
    """Lend Django's connection to SQLAlchemy; raise ConfigError outside of `atomic()`."""
    if connection.vendor not in ("sqlite", "postgresql"):
        raise ConfigError(f"Tokenry runs on SQLite and PostgreSQL, not on {connection.vendor}")
    if connection.Database.__name__ == "psycopg2":
        raise ConfigError("using() needs psycopg 3: install psycopg, which Django then prefers to psycopg2")
    if not connection.in_atomic_block:
        raise ConfigError("using(connection) joins a transaction: open one with transaction.atomic() around it")
    check_usable(connection)
    lent = _raw.set(connection.connection)
    try:
        with _engine(connection.vendor).connect() as inner:
            yield inner
    finally:
        _raw.reset(lent)


def kept(raw: Any) -> Connection:
    """Return a connection of SQLAlchemy on a raw SQLite connection, for as long as that is open."""
    lent = _raw.set(raw)
    try:
        return _engine("sqlite").connect()
    finally:
        _raw.reset(lent)


def check_usable(connection: Any) -> None:
    """Raise Closed when nothing that is written to Django's connection now will ever be committed."""
    if connection.closed_in_transaction or connection.connection is None:
        raise Closed("Django's connection was closed within atomic(): leave that block first")
    if connection.needs_rollback:
        raise Closed("Django will roll this transaction back, after an error or set_rollback(): leave atomic() first")


@cache
def _engine(vendor: str) -> Engine:
    options: dict[str, Any] = {"use_native_hstore": False} if vendor == "postgresql" else {}
    options |= {"poolclass": NullPool, "pool_reset_on_return": None, "hide_parameters": True}
    return create_engine(f"{vendor}+tokenry://", **options)
