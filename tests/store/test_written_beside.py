"""Writes of many rows on PostgreSQL, beside what others have locked, and with what does not fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.fixed import FixedWrite
from tokenry.store.tables import refusal, scope

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="this run is without PostgreSQL")


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.create_database()


@pytest.fixture
def tk(url: str) -> Iterator[Tokenry]:
    with Tokenry(url, keyring=fresh_keyring(), settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def test_refusals_do_not_wait_for_those_that_another_process_removes(tk: Tokenry, engine: sa.Engine) -> None:
    issued = tk.keys.issue("ada", name="k", scopes=["a"])

    def refuse() -> None:
        for _ in range(4):
            assert not tk.verify(issued.secret, scopes="b")
        tk.flush()

    for _ in range(5):
        refuse()
    with engine.connect() as other:
        oldest = sa.select(refusal.c.id).order_by(refusal.c.id).limit(2).with_for_update()
        locked = set(other.execute(oldest).scalars())
        writing = threading.Thread(target=refuse)
        writing.start()
        writing.join(20)
        assert not writing.is_alive()
    there = {one.id for one in tk.refusals.list(key_id=issued.key.id, limit=100)}
    assert (len(there), len(there & locked)) == (22, 2)
    refuse()
    assert len(tk.refusals.list(key_id=issued.key.id, limit=100)) == 20


@pytest.mark.parametrize("count", [1, 2])
def test_a_text_that_is_too_long_is_refused_and_not_cut(tk: Tokenry, engine: sa.Engine, count: int) -> None:
    rows = [{"tenant_id": f"t{number}", "name": "x" * 71, "place": number} for number in range(count)]
    with engine.connect() as connection, pytest.raises(sa.exc.DataError, match="too long"):
        FixedWrite(sa.insert(scope))(connection, rows)
