"""The file of kept heads: only ever further on, for its owner alone, and no reason to fail."""

from __future__ import annotations

import logging
import os
import resource
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tokenry import Settings, Tokenry
from tokenry.runtime.heads import HeadFile
from tokenry.types import Head


def head(position: int) -> Head:
    return Head("", position, f"chain {position}", datetime(2026, 1, 1, tzinfo=UTC), "signature")


def test_a_head_is_kept_per_tenant_in_place_of_the_one_that_was_seen(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads")
    assert file.get("a") is None
    assert file.keep("a", head(1), after=None)
    assert file.keep("a", head(3), after=head(1))
    assert not file.keep("a", head(2), after=head(1)), "somebody else has gone on meanwhile"
    assert not file.keep("a", head(2), after=None)
    assert file.keep("b", head(1), after=None)
    assert (file.get("a"), file.get("b")) == (head(3), head(1))
    assert HeadFile(tmp_path / "heads").get("a") == head(3)
    assert stat.S_IMODE((tmp_path / "heads").stat().st_mode) == 0o600


def test_a_file_that_was_cut_short_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "heads").write_bytes(b'{"a": {"ten')
    file = HeadFile(tmp_path / "heads")
    assert file.get("a") is None
    assert file.keep("a", head(1), after=None)
    assert file.get("a") == head(1)


def test_a_full_disk_loses_no_head_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    assert HeadFile(path).keep("a", head(1), after=None)
    size = path.stat().st_size
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
        HeadFile(path).keep("b", head(1), after=None)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert (HeadFile(path).get("a"), HeadFile(path).get("b")) == (head(1), None)
    assert HeadFile(path).keep("b", head(2), after=None)
    assert (HeadFile(path).get("a"), HeadFile(path).get("b")) == (head(1), head(2))


def test_a_file_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert HeadFile(tmp_path / "no" / "such" / "directory").keep("a", head(1), after=None)
    assert "could not be kept" in caplog.text


def test_a_cut_tail_is_found_by_the_file_beside_the_keyring(tmp_path: Path) -> None:
    import sqlite3

    url = f"sqlite:///{tmp_path}/keys.db"
    with Tokenry(url, settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        tk.audit.head()
        with sqlite3.connect(tmp_path / "keys.db") as connection:
            early = connection.execute("SELECT * FROM tokenry_audit_head").fetchall()
        tk.owners.put("secret deed")
        assert tk.audit.check()
    with sqlite3.connect(tmp_path / "keys.db") as connection:
        connection.execute("DELETE FROM tokenry_audit_entry WHERE subject = 'secret deed'")
        connection.execute("DELETE FROM tokenry_audit_head")
        marks = ", ".join("?" * len(early[0]))
        connection.executemany(f"INSERT INTO tokenry_audit_head VALUES ({marks})", early)
    connection.close()
    with Tokenry(url, settings=Settings(background=False)) as tk:
        report = tk.audit.check()
    assert not report
    assert "tail" in report.problems[0]
