"""Slow statements are logged in the library, on every kind of database, without their parameters."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tokenry import ConfigError, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.slow import SlowStatements

QUIET = Settings(background=False, exclusive=True)
Opening = Callable[..., Any]


@pytest.fixture(params=["sqlite", "memory", "host", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    """Open an instance on each kind of database; on a host's engine as well."""

    @contextmanager
    def open_it(**about: Any) -> Iterator[Tokenry]:
        settings = replace(QUIET, exclusive=request.param == "sqlite", **about)
        if request.param == "host":
            engine = sa.create_engine(f"sqlite:///{tmp_path / 'keys.db'}")
            with Tokenry(engine=engine, keyring=fresh_keyring(), settings=settings) as tk:
                tk.migrate()
                yield tk
                with engine.begin() as connection:
                    connection.execute(sa.text("SELECT 'of the host'"))
            engine.dispose()
            return
        url = {"memory": "sqlite://", "sqlite": f"sqlite:///{tmp_path / 'keys.db'}"}.get(request.param)
        if url is None:
            url = request.getfixturevalue("postgres_server").create_database()
        with Tokenry(url, keyring=fresh_keyring(), settings=settings) as tk:
            yield tk

    return open_it


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Give what is logged, on a clock by which every statement takes 250 ms."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(SlowStatements.__init__, "__defaults__", (lambda: next(ticks) * 0.25,))
    caplog.set_level(logging.WARNING, "tokenry.statements")
    return caplog


def messages(slow: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in slow.records if record.name == "tokenry.statements"]


def test_a_slow_statement_is_logged_with_its_time_and_without_parameters(
    opening: Opening, slow: pytest.LogCaptureFixture
) -> None:
    with opening(slow_statement_ms=250) as tk:
        slow.clear()
        tk.owners.put("hunter2")
        tk.keys.issue("hunter2", name="hunter2")
        tk.keys.list(text="hunter2")
        found = messages(slow)
    assert [one for one in found if "tokenry_owner" in one and "INSERT" in one]
    assert [one for one in found if "tokenry_key" in one and "SELECT" in one]
    assert [one for one in found if not one.startswith("slow statement ms=250 statement=")] == []
    assert "hunter2" not in " ".join(found)


def test_a_statement_that_takes_less_is_not_logged(opening: Opening, slow: pytest.LogCaptureFixture) -> None:
    with opening(slow_statement_ms=251) as tk:
        tk.owners.put("ada")
        tk.keys.list()
    assert messages(slow) == []


def test_zero_logs_none(opening: Opening, slow: pytest.LogCaptureFixture) -> None:
    with opening(slow_statement_ms=0) as tk:
        tk.owners.put("ada")
    assert messages(slow) == []


def test_statements_of_the_host_are_its_own(tmp_path: Path, slow: pytest.LogCaptureFixture) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'keys.db'}")
    with Tokenry(engine=engine, keyring=fresh_keyring(), settings=replace(QUIET, exclusive=False)) as tk:
        tk.migrate()
        slow.clear()
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT 'of the host'"))
        assert messages(slow) == []
        tk.owners.put("ada")
        assert messages(slow)
    engine.dispose()


def test_a_lookup_from_memory_or_inline_is_not_watched(tmp_path: Path, slow: pytest.LogCaptureFixture) -> None:
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=QUIET) as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="k").secret
        slow.clear()
        assert tk.verify(secret)
        assert messages(slow) == []


@pytest.mark.parametrize("how", ["execute", "executemany", "cursor", "cursor many"])
def test_a_watched_connection_behaves_as_any_other(how: str, caplog: pytest.LogCaptureFixture) -> None:
    ticks = iter(range(100))
    kind = SlowStatements(1000, lambda: float(next(ticks))).connection_class()
    connection = sqlite3.connect(":memory:", factory=kind)
    connection.execute("CREATE TABLE t (a)")
    caplog.clear()
    place: Any = connection.cursor() if how.startswith("cursor") else connection
    if how.endswith("many"):
        found = place.executemany("INSERT INTO t VALUES (?)", [("hunter2",), ("b",)])
        assert found.rowcount == 2
    else:
        found = place.execute("SELECT\n  ?  AS x", ("hunter2",))
        assert found.fetchall() == [("hunter2",)]
    (record,) = caplog.records
    words = "INSERT INTO t VALUES (?)" if how.endswith("many") else "SELECT ? AS x"
    assert record.getMessage() == f"slow statement ms=1000 statement={words}"
    with pytest.raises(sqlite3.OperationalError):
        place.execute("SELECT nothing FROM nowhere")
    connection.close()


@pytest.mark.parametrize("ms", [-1, 3_600_001])
def test_a_limit_out_of_range_is_refused(ms: int) -> None:
    with pytest.raises(ConfigError, match="slow_statement_ms must be between 0"):
        Settings(slow_statement_ms=ms)


def test_a_long_statement_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    ticks = iter(range(10))
    connection = sqlite3.connect(":memory:", factory=SlowStatements(1, lambda: float(next(ticks))).connection_class())
    connection.execute(f"SELECT 1 /* {'x' * 5000} */")
    connection.close()
    assert len(caplog.messages[0]) < 2100
