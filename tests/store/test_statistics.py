"""PostgreSQL finds the key of a new secret by its primary key, also while an import fills empty tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import Keyring
from tokenry.store.fixed import array

# What PostgreSQL asks for each new secret, with the plan that it keeps for a connection.
CHECK = "SELECT 1 FROM ONLY tokenry_key x WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE OF x"
needs_postgres = pytest.mark.skipif("postgres" not in STORES, reason="a question of PostgreSQL")


@pytest.fixture
def url(postgres_server: Postgres) -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@needs_postgres
def test_many_new_keys_renew_the_plan_of_connections_that_saw_an_empty_table(url: str) -> None:
    with opened(url) as tk, psycopg.connect(url, autocommit=True) as connection:
        tk.owners.put("ada")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE checked AS {CHECK}")
        planned(connection)
        tk.keys.issue_many([{"owner": "ada", "name": f"key {number}"} for number in range(500)])
        assert "tokenry_key_pkey" in planned(connection)


@needs_postgres
def test_a_role_that_owns_no_table_writes_keys_all_the_same(url: str, caplog: pytest.LogCaptureFixture) -> None:
    keyring = fresh_keyring()
    opened(url, keyring).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guest")
    try:
        as_guest = url.replace("postgres@", "guest@")
        with opened(as_guest, keyring) as tk, caplog.at_level(logging.WARNING):
            tk.owners.put("ada")
            made = tk.keys.issue_many([{"owner": "ada", "name": f"key {number}"} for number in range(500)])
            assert all(tk.verify(one.secret) for one in made[:2])
            assert not [one for one in caplog.records if one.name == "tokenry.store"]
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY guest")
            connection.execute("DROP ROLE guest")


def opened(url: str, keyring: Keyring | None = None) -> Tokenry:
    return Tokenry(url, keyring=keyring or fresh_keyring(), settings=Settings(background=False))


def planned(connection: psycopg.Connection) -> str:
    return str(connection.execute("EXPLAIN EXECUTE checked('a', 'b')").fetchall())


@pytest.fixture(scope="module")
def connection(postgres_server: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        yield connection


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@needs_postgres
@given(values=st.lists(st.none() | TEXT, min_size=1) | st.lists(TEXT, min_size=1))
def test_a_list_of_texts_arrives_as_it_was_sent(connection: psycopg.Connection, values: list[str | None]) -> None:
    assert connection.execute("SELECT CAST(%s AS text[])", [array(values)]).fetchone() == (values,)


@needs_postgres
def test_no_text_ends_an_element_of_a_list(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.DataError):
        connection.execute("SELECT CAST(%s AS text[])", [array(["a", "b\0c", "d"])])
