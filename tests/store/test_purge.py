"""Upkeep removes rows whose time is over, and waits for nobody who has locked some of them."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from tests.conftest import STORES
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.service import purging
from tokenry.testing import FakeClock

TABLES = ["tokenry_session", "tokenry_event", "tokenry_refusal", "tokenry_scope_use"]


@pytest.mark.skipif("postgres" not in STORES, reason="of PostgreSQL alone")
def test_rows_that_somebody_has_locked_are_removed_later(request: pytest.FixtureRequest) -> None:
    url, clock = request.getfixturevalue("postgres_server").create_database(), FakeClock()
    settings = Settings(background=False, store_timeout=timedelta(milliseconds=250), flush_interval=timedelta(hours=1))
    with Tokenry(url, keyring=fresh_keyring(), settings=settings, clock=clock) as tk:
        tk.owners.put("ada")
        tk.sessions.start("ada")
        key = tk.keys.issue("ada", name="k", scopes=["a:b"])
        assert tk.verify(key.secret, scopes="a:b")
        assert not tk.verify(key.secret, scopes="a:c")
        tk.flush()
        clock.advance(timedelta(days=4000))
        with psycopg.connect(url) as other:

            def count(table: str) -> int:
                query = sql.SQL("SELECT 1 FROM {} FOR UPDATE").format(sql.Identifier(table))
                return len(other.execute(query).fetchall())

            before = {table: count(table) for table in TABLES}
            assert all(before.values())
            purging.purge(tk._context)  # StoreUnavailable if it waited
            assert {table: count(table) for table in TABLES} == before
            other.commit()
            purging.purge(tk._context)
            assert {table: count(table) for table in TABLES} == dict.fromkeys(TABLES, 0)
