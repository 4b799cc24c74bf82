"""Hearing of commits from the index that all connections to an SQLite file share."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenry.store.commits import commits


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = str(tmp_path / "keys.db")
    connection = opened(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    return path


@pytest.fixture
def reader(file: str) -> Iterator[sqlite3.Connection]:
    connection = opened(file)
    yield connection
    connection.close()


def opened(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def elsewhere(path: str, *statements: str) -> None:
    """Execute statements in another process."""
    program = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    program += "for s in sys.argv[2:]: c.execute(s)\n"
    subprocess.run([sys.executable, "-c", program, path, *statements], check=True)


def test_every_commit_is_heard_whoever_made_it(file: str, reader: sqlite3.Connection) -> None:
    read = commits(file, reader)
    assert read is not None
    heard = [read()]
    beside = opened(file)
    beside.execute("INSERT INTO t VALUES (1)")
    heard.append(read())
    elsewhere(file, "INSERT INTO t VALUES (2)")
    heard.append(read())
    elsewhere(file, "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO t VALUES (3)")
    heard.append(read())
    elsewhere(file, "VACUUM")
    heard.append(read())
    assert len(set(heard)) == 5
    beside.close()


def test_what_is_not_committed_is_not_heard(file: str, reader: sqlite3.Connection) -> None:
    read = commits(file, reader)
    assert read is not None
    before = read()
    beside = opened(file)
    beside.execute("BEGIN IMMEDIATE")
    beside.execute("INSERT INTO t VALUES (1)")
    assert read() == before
    beside.execute("ROLLBACK")
    assert beside.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert read() == before
    beside.close()


def test_sqlite_keeps_its_locks(file: str, reader: sqlite3.Connection) -> None:
    """A descriptor of the index that this process closed would drop them: others would take the file for unused."""
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchone()
    for _ in range(3):
        assert commits(file, reader) is not None
    elsewhere(file, "INSERT INTO t VALUES (1)")
    assert os.path.exists(file + "-shm"), "the last connection takes the index along"
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,), "the snapshot holds"
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_file_without_the_index_is_asked_otherwise(tmp_path: Path) -> None:
    connection = opened(str(tmp_path / "keys.db"))
    connection.execute("CREATE TABLE t (x)")
    assert commits(str(tmp_path / "keys.db"), connection) is None
    connection.close()
