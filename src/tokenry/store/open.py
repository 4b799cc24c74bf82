"""Which store belongs to what a caller passed, and making it ready for its first use."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from sqlalchemy import URL, Connection, Engine, make_url, select, text
from sqlalchemy.exc import ArgumentError

from tokenry.core.errors import ConfigError, shown

from . import migrate as migrations
from .documents import sign_everything
from .failures import allow, refuse, translated
from .fence import FenceStore
from .host import HostDatabase
from .joined import JoinedDatabase, settle_after_commit
from .rows import SqlRows
from .slow import SlowStatements
from .sqlite import SqliteDatabase
from .tables import audit_entry, secret

if TYPE_CHECKING:
    from .postgres import PostgresDatabase

__all__ = [
    "allow",
    "check_files",
    "database",
    "fence_of",
    "finds_inline",
    "is_busy",
    "is_ephemeral",
    "is_on_one_loop",
    "joined",
    "keyring_beside",
    "prepare",
    "read_beside",
    "read_url",
    "refuse",
    "shares_changes",
    "shown_url",
    "signal_of",
    "url_of",
]

_log = logging.getLogger("tokenry.store")

HostEngine: TypeAlias = Engine

_FORMS = (
    "write sqlite:///keys.db for a file in the working directory, sqlite:////var/lib/keys.db for an absolute path, "
    "sqlite:// for a database in memory, or postgresql://user@host/name"
)
_STANDBY = (
    "this database is a standby, which may not have heard of a revocation yet: give the URL of the primary server"
)
_SHOWN = 80

Database: TypeAlias = Union[SqliteDatabase, "PostgresDatabase", HostDatabase]


def database(url: str | None, engine: Any, *, exclusive: bool, timeout: float, slow_ms: int = 0) -> Database:
    """Open the database of a URL or of a host's engine; log the statements that take `slow_ms`, unless that is 0."""
    slow = SlowStatements(slow_ms)
    if engine is not None:
        if url is not None:
            raise ConfigError("pass a database URL or engine=, not both")
        if not isinstance(engine, Engine):
            raise ConfigError("engine= takes a SQLAlchemy Engine (AsyncTokenry: also an AsyncEngine)")
        if engine.dialect.name not in ("sqlite", "postgresql"):
            raise ConfigError(f"Tokenry runs on SQLite and PostgreSQL, not on {engine.dialect.name}")
        return HostDatabase(engine, timeout=timeout, slow=slow)
    if url is None:
        raise ConfigError(
            "say where the database is: Tokenry('sqlite:///keys.db'), TOKENRY_DATABASE_URL, or database_url in "
            "tokenry.toml"
        )
    parts = read_url(url)
    kind = parts.get_backend_name()
    if kind == "sqlite":
        name = parts.database or ""
        return SqliteDatabase(
            "" if name in ("", ":memory:") else os.path.realpath(name),
            exclusive=exclusive,
            timeout=timeout,
            slow=slow,
        )
    if kind in ("postgresql", "postgres"):
        try:
            from .postgres import PostgresDatabase
        except ImportError:
            raise ConfigError("PostgreSQL needs its driver: pip install 'tokenry[postgres]'") from None
        return PostgresDatabase(url, timeout=timeout, slow=slow)
    raise ConfigError(f"Tokenry runs on SQLite and PostgreSQL, not on {shown(kind)}")


def read_url(url: str) -> URL:
    """Return the parts of a database URL; raise ConfigError, which shows no password of it."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):  # the latter of a port that is none, such as a part of a password
        raise ConfigError(f"the database URL cannot be read: {_FORMS}") from None
    if "@" in (parts.host or ""):
        raise ConfigError("the password in the database URL holds an '@': write it as %40")
    if isinstance(url, str) and url != url.strip():
        raise ConfigError("the database URL ends in a space or a line feed: remove it")
    if parts.get_backend_name() == "sqlite":
        _check_file(parts)
    return parts


def shown_url(url: URL) -> str:
    """Return a database's URL without its password, and without the driver, which is no choice."""
    query = {name: "***" if "pass" in name.lower() else value for name, value in url.query.items()}
    return url.set(drivername=url.get_backend_name(), query=query).render_as_string(hide_password=True)


def url_of(database: Database) -> URL:
    """Return the URL of an open database."""
    if isinstance(database, SqliteDatabase):
        return URL.create("sqlite", database=database.path or None)
    return database.engine.url if isinstance(database, HostDatabase) else database.url


def _check_file(parts: URL) -> None:
    """Refuse the URL of an SQLite file that would silently be another database, most often one in memory."""
    path = "/".join(part for part in (parts.host, parts.database) if part)
    if parts.host or parts.username or parts.port:
        right = f"write {shown(f'sqlite:///{path}')}" if parts.username is None and len(path) <= _SHOWN else _FORMS
        raise ConfigError(f"the database URL has two slashes, so that the path of the file is read as a host: {right}")
    if parts.database == "":
        raise ConfigError(f"the database URL names no file behind its three slashes: {_FORMS}")
    if path.startswith("file:") or parts.query:
        raise ConfigError(f"an SQLite database URL takes no 'file:' and no parameters: {_FORMS}")


@contextmanager
def joined(database: Database, connection: Any, settle: Callable[[], None]) -> Iterator[JoinedDatabase]:
    """Open a store inside a host's transaction; call `settle` after its commit, where the host tells of that."""
    with contextlib.ExitStack() as stack:
        if hasattr(connection, "on_commit"):  # Django's; it is not imported for it
            from .django import borrowed, check_usable

            inner = stack.enter_context(borrowed(connection))
            connection.on_commit(settle, robust=True)  # an error after the commit must not fail the request
            store = JoinedDatabase(lambda: inner, database.seals, lambda: check_usable(connection))
        elif hasattr(connection, "get_bind"):  # a Session; sqlalchemy.orm is not imported for it
            store = JoinedDatabase(connection.connection, database.seals)
            settle_after_commit(connection, store, settle)
        elif isinstance(connection, Connection):
            store = JoinedDatabase(lambda: connection, database.seals)
        else:
            raise ConfigError(
                "using() takes a SQLAlchemy Connection or Session (AsyncTokenry: also their async kinds), or Django's "
                "connection"
            )
        store.open()
        stack.callback(store.end)
        yield store


def shares_changes(database: Database) -> bool:
    """Tell whether many changes can share a transaction (`change_together`)."""
    return isinstance(database, SqliteDatabase)


def signal_of(database: Database) -> SqliteDatabase | HostDatabase | None:
    """Return the database if it can tell of commits by others; None if it cannot, and the cache must not be trusted."""
    return database if isinstance(database, (SqliteDatabase, HostDatabase)) and database.path else None


def fence_of(database: Database) -> FenceStore | None:
    """Return where processes on PostgreSQL hear of each other's changes."""
    found: FenceStore | None = getattr(database, "fence_store", None)
    return found


def read_beside(database: Database) -> AbstractContextManager[SqlRows]:
    """Open a transaction that only reads, while the caller may still hold a connection of a host's pool."""
    return database.read_beside() if isinstance(database, HostDatabase) else database.read()


def check_files(database: Database) -> None:
    """Raise StoreUnavailable if a database lies in files of SQLite and these are not the ones that were opened."""
    if not isinstance(database, (SqliteDatabase, HostDatabase)):
        return
    database.check_files()


def finds_inline(database: Database) -> bool:
    """Tell whether a lookup is so quick that an event loop may wait for it."""
    return isinstance(database, SqliteDatabase) or signal_of(database) is not None


def is_busy(database: Database) -> bool:
    """Tell whether a read would have to wait for another one to end."""
    return isinstance(database, SqliteDatabase) and database.is_busy()


def is_on_one_loop(database: Database) -> bool:
    """Tell whether a host's engine belongs to an event loop, on which all calls take turns in one thread."""
    return isinstance(database, HostDatabase) and database.engine.dialect.is_async


def is_ephemeral(database: Database) -> bool:
    """Tell whether a database lives in memory and ends with this process."""
    return isinstance(database, SqliteDatabase) and not database.path


def keyring_beside(database: Database) -> Path | None:
    """Return where the keyring of an embedded database lies, or None when it has to be given."""
    path = getattr(database, "path", "")
    return Path(path + ".keyring") if path else None


def prepare(
    database: Database, *, migrate: bool, embed: Callable[[bool], None], confirm: Callable[[SqlRows], None]
) -> str | None:
    """Migrate if asked, and make the keyring of a new embedded database; return why no call can be made yet, or None.

    `confirm` refuses a wrong keyring before anything is signed with it.
    Both happen under the write lock: of many processes that start at once one does it and the others find it done.
    Raise ConfigError for a database of a newer version, and for an old one of a URL that may not be migrated.
    """
    with translated():
        with database.read() as rows:
            if database.dialect == "postgresql" and rows.core.execute(text("SELECT pg_is_in_recovery()")).scalar():
                raise ConfigError(_STANDBY)
            current = migrations.revision(rows.core)
        if current == migrations.HEAD:
            with database.read() as rows:
                if rows.canaries.list():
                    return None
        if not migrate:
            outdated = migrations.outdated(current)
            # The owner of an engine gets an instance whose migrate() can be called.
            if outdated and current is not None and not isinstance(database, HostDatabase):
                raise ConfigError(outdated)
            if outdated:
                return outdated
        with database.change_schema() as rows:
            if migrate:
                migrations.upgrade(rows.core, sign=partial(_sign, database, rows, confirm))
            embed(_is_new(rows))
    return None


def _sign(database: Database, rows: SqlRows, confirm: Callable[[SqlRows], None]) -> None:
    """Sign the keys of a database that was made before keys were signed."""
    if rows.core.execute(select(secret.c.kid).limit(1)).first() is None:
        return
    confirm(rows)
    count = sign_everything(rows.connection, database.seals)
    _log.warning("signed %s secrets as their keys are now: from here on a changed row is refused", count)


def _is_new(rows: SqlRows) -> bool:
    """Tell whether a database holds nothing yet: a keyring is never made for a database that has lost its canary."""
    if rows.canaries.list():
        return False
    queries = (select(table).limit(1) for table in (secret, audit_entry))
    return all(rows.core.execute(query).first() is None for query in queries)
