"""Upkeep removes rows whose time is over, and waits for nobody who has locked some of them."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import psycopg
import pytest
from psycopg import sql

from tests.conftest import STORES
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.upkeep_ports import Removable
from tokenry.service import purging
from tokenry.store import purge
from tokenry.testing import FakeClock

TABLES = ["tokenry_session", "tokenry_event", "tokenry_refusal", "tokenry_scope_use"]


@pytest.mark.skipif("postgres" not in STORES, reason="of PostgreSQL alone")
def test_rows_that_somebody_has_locked_are_removed_later(request: pytest.FixtureRequest) -> None:
    url, clock = request.getfixturevalue("postgres_server").create_database(), FakeClock()
    settings = Settings(background=False, store_timeout=timedelta(milliseconds=250), flush_interval=timedelta(hours=1))
    with Tokenry(url, keyring=fresh_keyring(), settings=settings, clock=clock) as tk:
        tk.owners.put("ada")
        for _ in range(2):
            tk.sessions.start("ada")
        key = tk.keys.issue("ada", name="k", scopes=["a:b", "c:d"])
        for scope in ("a:b", "c:d"):
            assert tk.verify(key.secret, scopes=scope)
            assert not tk.verify(key.secret, scopes=f"{scope}e")
        tk.flush()
        clock.advance(timedelta(days=4000))
        with psycopg.connect(url) as other:

            def count(table: str) -> int:
                query = sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table))
                return len(other.execute(query).fetchall())

            def lock_one(table: str) -> None:
                query = sql.SQL("SELECT 1 FROM {} LIMIT 1 FOR UPDATE").format(sql.Identifier(table))
                other.execute(query)

            assert min(map(count, TABLES)) > 1
            for table in TABLES:
                lock_one(table)
            purging.purge(tk._context)  # StoreUnavailable if it waited
            assert {table: count(table) for table in TABLES} == dict.fromkeys(TABLES, 1)
            other.commit()
            purging.purge(tk._context)
            assert {table: count(table) for table in TABLES} == dict.fromkeys(TABLES, 0)


def test_every_kind_has_a_time_and_a_statement() -> None:
    assert set(get_args(Removable)) == set(purging._ENDED) == set(purge._STATEMENTS)
