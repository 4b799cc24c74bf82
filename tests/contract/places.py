"""Where the data of a test lie, and how an instance is opened there: every store, by either face."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.contract.faces import Driven
from tokenry import AsyncTokenry, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.tables import metadata
from tokenry.testing import FakeClock

KEYRING = fresh_keyring()
# Nothing happens by itself: counts are written when a test says so.
QUIET = Settings(background=False, flush_interval=timedelta(hours=1))
REMEMBERING = replace(QUIET, background=True)

DAY = 86_400 * 1_000_000

# Every store and place by every face that it has.
EVERYTHING = [
    *("sqlite-file-sync", "sqlite-file-async", "sqlite-memory-sync", "sqlite-memory-async"),
    *("sqlite-engine-sync", "sqlite-engine-async", "sqlite-async-engine-async"),
    *("postgres-url-sync", "postgres-url-async", "postgres-memory-sync", "postgres-memory-async"),
    *("postgres-engine-sync", "postgres-engine-async", "postgres-async-engine-async"),
]
# "memory" is a database in memory on SQLite, and on PostgreSQL an instance that remembers.
# What one test runs on by default: both databases, both faces, and two more places in turn.
TURNS = [
    ["sqlite-file-sync", "sqlite-memory-async", "postgres-memory-async", "postgres-engine-sync"],
    ["sqlite-file-async", "sqlite-engine-sync", "postgres-url-sync", "postgres-async-engine-async"],
    ["sqlite-file-sync", "sqlite-async-engine-async", "postgres-url-async", "postgres-engine-async"],
    ["sqlite-file-async", "sqlite-memory-sync", "sqlite-engine-async", "postgres-memory-sync"],
]
RULES = ["sqlite-memory-sync", "postgres-url-async"]
# In the order that foreign keys allow.
KEPT = {f"tokenry_{name}" for name in ("tenant", "keyring_canary", "fence", "node", "turn")}
WIPED = [table.name for table in reversed(metadata.sorted_tables) if table.name not in KEPT]
"""Every other table: what a test leaves behind is found by a later one, when there is enough of it."""


class Installation:
    """One database that is empty at first, opened through one face. `clock` stands still unless it is told."""

    def __init__(self, name: str, directory: Path, postgres_url: str | None) -> None:
        self.store, _, place_and_face = name.partition("-")
        self.place, _, self.face = place_and_face.rpartition("-")
        self.path = directory / "keys.db"
        self.url = postgres_url or ("sqlite://" if self.place == "memory" else f"sqlite:///{self.path}")
        self.keyring = KEYRING
        self.clock = FakeClock()
        self.runner: asyncio.Runner | None = asyncio.Runner() if self.face == "async" else None
        self.engines: list[Any] = []
        self.outsider: sa.Engine | None = None
        self.opened: list[Any] = []

    def open(self, **options: Any) -> Any:
        """Open one more instance; `options` as `Tokenry` takes them."""
        settings = REMEMBERING if (self.store, self.place) == ("postgres", "memory") else QUIET
        options = {"keyring": self.keyring, "settings": settings, "clock": self.clock} | options
        if "engine" in self.place:
            options["engine"] = self.engine()
        else:
            options["database_url"] = self.url
        if self.runner is None:
            instance: Any = Tokenry(**options)
        else:
            instance = Driven(self._waited(lambda: AsyncTokenry(**options)), self.runner)
        self.opened.append(instance)
        return instance

    def reopen(self, instance: Any, **options: Any) -> Any:
        """Close an instance and open another on the same database, as a restart does."""
        instance.close()
        return self.open(**options)

    def engine(self) -> Any:
        """Return an engine of a host on this database, for the face of this installation."""
        url = sa.make_url(self.url)
        if self.place == "async-engine" or (self.place != "engine" and self.face == "async"):
            from sqlalchemy.ext.asyncio import create_async_engine

            driver = "sqlite+aiosqlite" if self.store == "sqlite" else "postgresql+psycopg"
            engine: Any = create_async_engine(url.set(drivername=driver))
        else:
            engine = sa.create_engine(url.set(drivername="sqlite" if self.store == "sqlite" else "postgresql+psycopg"))
        self.engines.append(engine)
        return engine

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Open a connection of a host, without committing it at the end."""
        engine = self.engine()
        if not hasattr(engine, "sync_engine"):
            with engine.connect() as connection:
                yield connection
            return
        assert self.runner is not None
        with Driven(engine, self.runner).connect() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Open an ORM session of a host, without committing it at the end."""
        engine = self.engine()
        if not hasattr(engine, "sync_engine"):
            with Session(engine) as session:
                yield session
            return
        from sqlalchemy.ext.asyncio import AsyncSession

        assert self.runner is not None
        with Driven(AsyncSession(engine), self.runner) as session:
            yield session

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Do what somebody does who can write the database and has no keyring; return the rows, if any."""
        with self._outsider().begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def restore(self, saved: dict[str, list[Any]]) -> None:
        """Write the rows of whole tables back as they were."""
        with self._outsider().begin() as connection:
            for name, rows in saved.items():
                table = metadata.tables[name]
                connection.execute(table.delete())
                connection.execute(table.insert(), [dict(row._mapping) for row in rows])

    def _outsider(self) -> sa.Engine:
        if self.outsider is None:
            driver = "sqlite" if self.store == "sqlite" else "postgresql+psycopg"
            self.outsider = sa.create_engine(sa.make_url(self.url).set(drivername=driver), poolclass=sa.NullPool)
        return self.outsider

    def end(self) -> None:
        """Close everything that a test has opened."""
        for instance in self.opened:
            instance.close()
        for engine in self.engines:
            if hasattr(engine, "sync_engine"):
                self._waited(engine.dispose)
            else:
                engine.dispose()
        if self.runner is not None:
            self.runner.close()

    def _waited(self, call: Any) -> Any:
        async def answer() -> Any:
            value = call()
            return await value if asyncio.iscoroutine(value) else value

        assert self.runner is not None
        return self.runner.run(answer())


def make_sqlite(path: Path, *, by_host: bool) -> None:
    """Make a database with Tokenry's tables, as Tokenry makes it or as it becomes inside a host's engine."""
    if not by_host:
        Tokenry(f"sqlite:///{path}", keyring=KEYRING, settings=QUIET, clock=FakeClock()).close()
        return
    engine = sa.create_engine(f"sqlite:///{path}")
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET, clock=FakeClock()) as tk:
        tk.migrate()
    engine.dispose()


def copy_sqlite(template: Path, path: Path) -> None:
    """Copy a database that nobody has open."""
    shutil.copyfile(template, path)


def make_postgres(url: str) -> None:
    """Make Tokenry's tables in a database on a server."""
    Tokenry(url, keyring=KEYRING, settings=QUIET, clock=FakeClock()).close()


def wipe_postgres(url: str) -> None:
    """Empty the tables: far cheaper than a database for every test."""
    statements = [f"DELETE FROM {table}" for table in WIPED]
    statements.append("DELETE FROM tokenry_tenant WHERE slug NOT IN ('default', 'system')")
    [generation] = KEYRING.generations
    statements.append("DELETE FROM tokenry_keyring_canary")
    statements.append(f"INSERT INTO tokenry_keyring_canary VALUES ('{generation.id}', '{generation.canary}')")
    fresh = "name = initcap(slug), status = 'active', key_prefix = 'tk', never_allowed = true"
    fresh += ", self_rotation_allowed = false, default_limits = '[]', shared_limits = '[]', time_zone = 'UTC'"
    fresh += ", max_idle = NULL"
    lives = f"expires_in_default = {90 * DAY}, expires_in_max = {3650 * DAY}"
    statements.append(f"UPDATE tokenry_tenant SET {fresh}, {lives}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("; ".join(statements).encode())


def sqlite_rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Read a file without any of our code."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(statement).fetchall()
    finally:
        connection.close()
