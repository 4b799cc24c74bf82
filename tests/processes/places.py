"""Databases to race on: an SQLite file and a PostgreSQL, and instances that are closed again."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from tests.conftest import STORES
from tests.processes.board import Board
from tests.processes.crew import Crew, Member
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file

# Races need no disk, and have many more chances without one.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True)
class Place:
    """A database with its keyring, where threads and processes meet."""

    kind: str
    url: str
    keyring: str | None
    directory: Path
    _open: ExitStack
    _crew: Callable[[], Crew]
    _server: Postgres | None = None

    def open(self, **settings: Any) -> Tokenry:
        """Return one more instance of this process."""
        return self._open.enter_context(Tokenry(self.url, keyring=self.keyring, settings=Settings(**settings)))

    def engine(self) -> Engine:
        """Return an engine of a host application on the same database."""
        engine = create_engine(self.url.replace("postgresql://", "postgresql+psycopg://"))
        self._open.callback(engine.dispose)
        return engine

    def on_engine(self, engine: Engine, keyring: str) -> Tokenry:
        """Return an instance on the engine of a host application."""
        return self._open.enter_context(Tokenry(engine=engine, keyring=keyring))

    def members(self, count: int, **settings: Any) -> list[Member]:
        """Return processes with an instance each."""
        return self._crew().members(count, self.url, keyring=self.keyring, **settings)

    def new_database(self) -> str:
        """Return one more, empty, on the same server."""
        assert self._server is not None
        url = self._server.create_database()
        self._open.callback(self._server.drop_database, url)
        return url

    def board(self) -> Board:
        return Board(self.directory / "board")


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    everybody = Crew()
    yield everybody
    everybody.end()


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> Place:
    """A place on each database."""
    found: Place = request.getfixturevalue("file_place" if request.param == "sqlite" else "postgres_place")
    return found


@pytest.fixture
def file_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place on an SQLite file."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield from _place(request, Path(name), "sqlite", f"sqlite:///{name}/keys.db", None)


@pytest.fixture
def postgres_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place on PostgreSQL."""
    if "postgres" not in STORES:
        pytest.skip("PostgreSQL is not among the stores of this run")
    yield from place_on(request, request.getfixturevalue("postgres_server"), tmp_path)


def place_on(request: pytest.FixtureRequest, server: Postgres, directory: Path) -> Iterator[Place]:
    """Yield a place in a new database of a server, and drop it again."""
    url = server.create_database()
    keyring = directory / "keyring"
    write_keyring_file(keyring, fresh_keyring())
    yield from _place(request, directory, "postgres", url, str(keyring), server)
    server.drop_database(url)


def _place(
    request: pytest.FixtureRequest,
    directory: Path,
    kind: str,
    url: str,
    keyring: str | None,
    server: Postgres | None = None,
) -> Iterator[Place]:
    used: list[Crew] = []

    def crew() -> Crew:
        used.append(request.getfixturevalue("crew"))
        return used[0]

    with ExitStack() as stack:
        yield Place(kind, url, keyring, directory, stack, crew, server)
    if used:
        used[0].rest()
