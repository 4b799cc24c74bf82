"""Migrations: up, down with data in the tables, and up again; and they make exactly what `tables` says."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.conftest import STORES
from tokenry import ConfigError, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store import migrate
from tokenry.store.tables import PREFIX, VERSION_TABLE, metadata

QUIET = Settings(background=False)


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("tokenry.store") / "migrations"))
    return ScriptDirectory.from_config(config)


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keys.db"
    made: str = request.getfixturevalue("postgres_server").create_database()
    return made


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def tables(url: str) -> set[str]:
    with connected(url) as connection:
        return set(sa.inspect(connection).get_table_names())


def test_head_is_the_head_of_the_scripts() -> None:
    assert scripts().get_heads() == [migrate.HEAD]
    assert all(script.revision <= migrate.HEAD for script in scripts().walk_revisions())


def test_what_is_migrated_is_what_the_tables_say(url: str) -> None:
    with connected(url) as connection:
        migrate.upgrade(connection)
    with connected(url) as connection:
        options = {"compare_type": True, "compare_server_default": False, "version_table": VERSION_TABLE}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    assert differences == []
    assert tables(url) == {*metadata.tables, VERSION_TABLE}
    assert all(name.startswith(PREFIX) for name in tables(url))


def test_every_index_is_migrated_as_the_tables_say(url: str) -> None:
    with connected(url) as connection:
        migrate.upgrade(connection)
    with connected(url) as connection:
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            found = inspector.get_indexes(table.name)
            made = {(index["name"], tuple(index["column_names"]), bool(index["unique"])) for index in found}
            declared = {(index.name, tuple(index.columns.keys()), bool(index.unique)) for index in table.indexes}
            assert declared <= made, table.name


def test_down_with_data_and_up_again_at_every_revision(url: str) -> None:
    keyring = fresh_keyring()
    revisions = [script.revision for script in scripts().walk_revisions()]
    for down in [*revisions[1:], "base"]:
        with Tokenry(url, keyring=keyring, settings=QUIET) as tk:
            tk.tenants.create(f"t-{down}")
            for tenant in ("default", f"t-{down}"):
                tk.roles.put("r", scopes=["a"], tenant=tenant)
                tk.owners.put("ada", tenant=tenant, roles=["r"])
                tk.scopes.define(["a"], tenant=tenant)
                limits = [{"name": "a", "limit": 5, "window_seconds": 60}]
                issued = tk.keys.issue("ada", name=f"k-{down}", tenant=tenant, limits=limits, idempotency_key=down)
                assert tk.verify(issued.secret)
                tk.keys.rotate(issued.key.id, tenant=tenant)
                started = tk.sessions.start("ada", tenant=tenant)
                assert tk.verify(tk.sessions.refresh(started.refresh, tenant=tenant).access)
        with connected(url) as connection:
            connection.execute(sa.text("CREATE TABLE IF NOT EXISTS host_table (id integer)"))
            migrate.downgrade(connection, down)
        with connected(url) as connection:
            assert migrate.revision(connection) == (None if down == "base" else down)
        if down == "base":
            assert tables(url) - {VERSION_TABLE} == {"host_table"}
    with Tokenry(url, keyring=keyring, settings=QUIET) as tk:
        tk.owners.put("ada")
        assert tk.verify(tk.keys.issue("ada", name="k").secret)
        assert tk.verify(tk.sessions.start("ada").access)


def test_upgrading_twice_changes_nothing(url: str) -> None:
    for _ in range(2):
        with connected(url) as connection:
            migrate.upgrade(connection)
    with connected(url) as connection:
        assert migrate.revision(connection) == migrate.HEAD
        assert connection.execute(sa.text("SELECT count(*) FROM tokenry_tenant")).scalar() == 2


def test_a_database_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    keyring = fresh_keyring()
    Tokenry(url, keyring=keyring, settings=QUIET).close()
    with connected(url) as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(ConfigError) as refused:
        Tokenry(url, keyring=keyring, settings=QUIET)
    assert "9999" in str(refused.value)
    assert tables(url) == {*metadata.tables, VERSION_TABLE}


def test_a_database_that_may_not_be_migrated_is_named(url: str) -> None:
    keyring = fresh_keyring()
    Tokenry(url, keyring=keyring, settings=QUIET).close()
    with connected(url) as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0000'"))
    with pytest.raises(ConfigError) as refused:
        Tokenry(url, keyring=keyring, settings=Settings(background=False, migrate=False))
    assert "0000" in str(refused.value)
    assert "migrate" in str(refused.value)


def test_rows_from_before_the_search_column_are_found(url: str) -> None:
    keyring = fresh_keyring()
    names = ["Plain NAME", "Ärger", "ÉLODIE", *(f"Straße {number}" for number in range(1200))]
    with Tokenry(url, keyring=keyring, settings=QUIET) as tk:
        tk.owners.put("first", name="Zoë", email="ZOE@example.com")
        drafts = [{"owner": "first", "name": name, "description": f"of {name}"} for name in names]
        for start in range(0, len(drafts), 500):
            tk.keys.issue_many(drafts[start : start + 500])
        with connected(url) as connection:
            migrate.downgrade(connection, "0003")
    with Tokenry(url, keyring=keyring, settings=QUIET) as tk:
        for asked in ("zoë", "ZOË", "zoe@", "FIRST"):
            assert len(tk.owners.list(text=asked)) == 1, asked
        for asked in ("plain name", "ärger", "OF ÄRGER", "élodie", "STRASSE 1199", "of straße 1199"):
            assert len(tk.keys.list(text=asked)) == 1, asked
