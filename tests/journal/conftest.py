"""Databases that are backed up and restored for real."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.processes.places import Place, crew, file_place, place, postgres_place
from tokenry import Settings, Tokenry
from tokenry.installation import Installation

__all__ = ["crew", "file_place", "place", "postgres_place"]


class Backups:
    """The database of a place, which is closed while it is copied."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.copies = place.directory / "copies"
        self.copies.mkdir()

    @property
    def journal(self) -> Path:
        keyring = self.place.keyring or f"{self.place.directory}/keys.db.keyring"
        return Path(f"{keyring}.journal")

    def open(self, **settings: object) -> Tokenry:
        settings = {"background": False, **settings}
        return Tokenry(self.place.url, keyring=self.place.keyring, settings=Settings(**settings))  # type: ignore[arg-type]

    def installation(self) -> Installation:
        return Installation(self.place.url, self.place.keyring, Settings())

    def take(self) -> None:
        """Make a backup, as an operator would."""
        if self.place.kind == "sqlite":
            with (
                closing(sqlite3.connect(self.place.directory / "keys.db")) as source,
                closing(sqlite3.connect(self.copies / "keys.db")) as target,
            ):
                source.backup(target)
        else:
            self._copy(self._name, f"{self._name}_backup")

    def restore(self) -> None:
        """Put the backup back."""
        if self.place.kind == "sqlite":
            for end in ("", "-wal", "-shm"):
                (self.place.directory / f"keys.db{end}").unlink(missing_ok=True)
            shutil.copy(self.copies / "keys.db", self.place.directory / "keys.db")
        else:
            self._copy(f"{self._name}_backup", self._name)

    @property
    def _name(self) -> str:
        return urlsplit(self.place.url).path.removeprefix("/")

    def _copy(self, source: str, target: str) -> None:
        assert self.place._server is not None
        with psycopg.connect(self.place._server.url(), autocommit=True) as connection:
            names = [sql.Identifier(target), sql.Identifier(source)]
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(names[0]))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))


@pytest.fixture
def backups(place: Place) -> Backups:
    return Backups(place)
