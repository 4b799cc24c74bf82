"""Opening an installation: where it is, what it needs, and what is refused with a message that helps."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import STORES
from tests.contract.places import KEYRING, QUIET, Installation
from tokenry import ConfigError, Settings, Tokenry
from tokenry.aio import AsyncTokenry
from tokenry.api.process.settings import server_settings
from tokenry.config import fresh_keyring, load, write_keyring_file
from tokenry.testing import FakeClock, throwaway


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a variable nor a file says anything."""
    for name in list(os.environ):
        if name.startswith("TOKENRY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_place_it_says_how_to_give_one() -> None:
    with pytest.raises(ConfigError) as refused:
        Tokenry()
    for hint in ("sqlite:///keys.db", "TOKENRY_DATABASE_URL", "tokenry.toml"):
        assert hint in str(refused.value)
    assert list(Path.cwd().iterdir()) == []


MISTAKEN_URLS = {
    "sqlite://keys.db": "sqlite:///keys.db",
    "sqlite://./keys.db": "sqlite:///./keys.db",
    "sqlite://data/keys.db": "sqlite:///data/keys.db",
    "sqlite+aiosqlite://keys.db": "sqlite:///keys.db",
    "sqlite://:memory:": "sqlite:// for a database in memory",
    "sqlite:/keys.db": "sqlite:////var/lib/keys.db",
    "sqlite:keys.db": "sqlite:///keys.db",
    "keys.db": "sqlite:///keys.db",
    "sqlite:///": "sqlite:///keys.db",
    "sqlite:///keys.db\n": "line feed",
    "sqlite:///keys.db ": "line feed",
    "sqlite:///file:keys.db?uri=true": "no 'file:'",
    "sqlite:///keys.db?mode=ro": "no parameters",
    "postgresql:/host/name": "postgresql://user@host/name",
}


@pytest.mark.parametrize("url", MISTAKEN_URLS)
@pytest.mark.parametrize("make", [Tokenry, AsyncTokenry])
def test_a_url_that_would_mean_another_database_is_refused_with_the_right_form(make: Any, url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make(url, settings=QUIET)
    assert MISTAKEN_URLS[url] in str(refused.value)
    assert list(Path.cwd().iterdir()) == []


def test_a_password_in_a_mistaken_url_is_not_shown() -> None:
    for url in ("sqlite://jo:hunter2@host/keys.db", "postgresql:/jo:hunter2@host/name", "sqlite://hunter2@keys.db"):
        with pytest.raises(ConfigError) as refused:
            Tokenry(url)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:///keys.db", "sqlite+pysqlite:///keys.db"])
def test_a_url_with_a_driver_means_the_same_database(url: str, tmp_path: Path) -> None:
    with Tokenry(url, settings=QUIET) as tk:
        tk.owners.put("ada")
    with Tokenry("sqlite:///keys.db", settings=QUIET) as tk:
        assert tk.owners.get("ada")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_every_url_of_postgresql_means_the_same_database(scheme: str, request: pytest.FixtureRequest) -> None:
    url: str = request.getfixturevalue("postgres_server").create_database()
    with Tokenry(url.replace("postgresql", scheme, 1), keyring=KEYRING, settings=QUIET) as tk:
        tk.owners.put("ada")
    with Tokenry(url, keyring=KEYRING, settings=QUIET) as tk:
        assert tk.owners.get("ada")


async def opened_and_closed(**given: Any) -> str:
    async with AsyncTokenry(**given) as tk:
        await tk.owners.put("ada")
        return tk._sync._database.dialect


def test_with_settings_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokenry.toml").write_text('foreign = 1\ndatabase_url = "sqlite:///other.db"\nmemory_entries = "x"\n')
    with Tokenry("sqlite://", settings=Settings()) as tk:
        assert tk.settings == Settings()
    assert asyncio.run(opened_and_closed(database_url="sqlite://", settings=Settings())) == "sqlite"
    for make in (Tokenry, AsyncTokenry):
        with pytest.raises(ConfigError, match="foreign"):
            make("sqlite://")
        with pytest.raises(ConfigError, match="say where the database is"):
            make(settings=Settings())
    monkeypatch.setenv("TOKENRY_DATABASE_URL", "sqlite:///variable.db")
    monkeypatch.setenv("TOKENRY_MEMORY_ENTRIES", "many")
    with Tokenry(settings=Settings()) as tk:
        assert tk.settings == Settings()
    assert {path.name for path in tmp_path.glob("*.db")} == {"variable.db"}


def test_without_settings_both_faces_take_place_keyring_and_settings_from_the_file(tmp_path: Path) -> None:
    write_keyring_file(tmp_path / "the.keyring", fresh_keyring())
    (tmp_path / "tokenry.toml").write_text('database_url = "sqlite:///file.db"\nkeyring = "the.keyring"\n')
    assert asyncio.run(opened_and_closed()) == "sqlite"
    with Tokenry() as tk:
        assert tk.owners.get("ada")
    assert {path.name for path in tmp_path.glob("*.keyring")} == {"the.keyring"}


def test_an_embedded_database_makes_its_keyring_for_its_owner_alone(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        tk.owners.put("ada")
        secret = str(tk.keys.issue("ada", name="k").secret)
    keyring = tmp_path / "keys.db.keyring"
    assert stat.S_IMODE(keyring.stat().st_mode) == 0o600
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        assert tk.verify(secret)


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Tokenry("sqlite:///keys.db") as tk:
        monkeypatch.chdir("/")
        tk.owners.put("ada")
    assert (tmp_path / "keys.db").exists()


@pytest.mark.parametrize("url", ["mysql://host/db", "not a url", "", "redis://x", "oracle://x"])
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Tokenry(url)


def test_a_url_and_an_engine_are_too_much_and_no_engine_is_none() -> None:
    engine = sa.create_engine("sqlite://")
    with pytest.raises(ConfigError):
        Tokenry("sqlite://", engine=engine)
    with pytest.raises(ConfigError):
        Tokenry(engine="sqlite://")
    engine.dispose()


def test_a_hosts_engine_gets_no_tables_until_it_is_asked(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db")
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET) as tk:
        assert sa.inspect(engine).get_table_names() == []
        tk.migrate()
        tk.owners.put("ada")
        tk.migrate()
    assert {name.partition("_")[0] for name in sa.inspect(engine).get_table_names()} == {"tokenry"}
    assert engine.dialect.name == "sqlite"
    engine.dispose()


def test_a_file_of_a_host_is_opened_with_the_hosts_own_driver(tmp_path: Path) -> None:
    """Another SQLite library in the same process would drop the locks of the host's, and lose its own to it."""
    driver = ModuleType("another_sqlite3")
    vars(driver).update({name: value for name, value in vars(sqlite3).items() if not name.startswith("__")})
    opened: list[object] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(args[0])
        return sqlite3.connect(*args, **options)

    vars(driver)["connect"] = connect
    engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db", module=driver)
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET) as tk:
        tk.migrate()
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k")
        assert tk.verify(issued.secret)
        assert len(opened) == 2, "one connection that writes, and one that reads"
    engine.dispose()


def test_an_engine_of_a_host_keeps_its_ways(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db")

    def ways() -> dict[str, object]:
        with engine.connect() as connection:
            names = ("journal_mode", "foreign_keys", "synchronous", "query_only")
            return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    before = ways()
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET) as tk:
        tk.migrate()
        tk.owners.put("ada")
        assert tk.verify(tk.keys.issue("ada", name="k").secret)
    assert ways() == before
    assert not list(engine.dispatch.begin)
    assert not list(engine.dispatch.before_cursor_execute)
    engine.dispose()


@pytest.mark.skipif("postgres" not in STORES, reason="this run is without PostgreSQL")
def test_a_database_elsewhere_needs_a_keyring(postgres_database: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Tokenry(postgres_database)
    assert "TOKENRY_KEYRING" in str(refused.value)


@pytest.mark.lasting
def test_the_keyring_may_be_a_file_or_its_text(installation: Installation, tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "ring"
    file.write_text(KEYRING.dump())
    with pytest.raises(ConfigError) as refused:
        installation.open(keyring=str(file))
    assert "chmod 600" in str(refused.value)
    file.chmod(0o600)
    for keyring in (file, str(file), KEYRING.dump(), KEYRING.dump().replace("\n", ";")):
        installation.open(keyring=keyring).owners.put("ada")
    monkeypatch.setenv("TOKENRY_KEYRING", str(file))
    installation.open(keyring=None).owners.put("bob")


@pytest.mark.parametrize(
    "text", ["", "tokenry-keyring 2", "tokenry-keyring 1", "tokenry-keyring 1\nx", "hunter2secret"]
)
def test_a_keyring_that_is_none_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ring"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        Tokenry("sqlite://", keyring=file)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigError):
        Tokenry("sqlite://", keyring=tmp_path / "missing")


def test_a_weak_keyring_is_refused(tmp_path: Path) -> None:
    line = "a {} 2026-01-01T00:00:00+00:00"
    for material in ("AAAA", "A" * 43, "not base64!"):
        with pytest.raises(ConfigError) as refused:
            Tokenry("sqlite://", keyring="tokenry-keyring 1\n" + line.format(material))
        assert material not in str(refused.value)


def test_environment_and_file_say_where_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokenry.toml").write_text(
        'database_url = "sqlite:///file.db"\nmemory_entries = 5\nflush_interval = 2.5\n'
    )
    found = load()
    assert found.database_url == "sqlite:///file.db"
    assert (found.settings.memory_entries, found.settings.flush_interval) == (5, timedelta(seconds=2.5))
    monkeypatch.setenv("TOKENRY_DATABASE_URL", "sqlite:///variable.db")
    monkeypatch.setenv("TOKENRY_MEMORY_ENTRIES", "7")
    monkeypatch.setenv("TOKENRY_BACKGROUND", "false")
    with Tokenry() as tk:
        assert (tk.settings.memory_entries, tk.settings.background) == (7, False)
    assert (tmp_path / "variable.db").exists()


@pytest.mark.parametrize(
    "line",
    ["memory_entries = -1", 'memory_entries = "many"', "flush_interval = 0", 'background = "perhaps"', "unknown = 1",
     'limits_when_down = "maybe"', "broken"],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_by_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "tokenry.toml").write_text(line)
    with pytest.raises(ConfigError) as refused:
        load()
    assert line.partition(" ")[0] in str(refused.value) or line == "broken"


@pytest.mark.parametrize("field", [field.name for field in fields(Settings)])
def test_every_setting_can_be_given_by_variable(field: str) -> None:
    default = getattr(Settings(), field)
    text = str(default.total_seconds()) if isinstance(default, timedelta) else str(default)
    assert getattr(load({f"TOKENRY_{field.upper()}": text}).settings, field) == default


def test_a_clock_is_an_object_with_now(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Tokenry("sqlite://", clock=datetime.now)
    with Tokenry("sqlite://", clock=FakeClock()) as tk:
        assert tk.owners.put("ada").created_at == FakeClock().now()


def test_closing_twice_is_fine_and_a_context_closes() -> None:
    with Tokenry("sqlite://") as tk:
        tk.owners.put("ada")
    tk.close()


def test_a_throwaway_leaves_nothing_behind(tmp_path: Path) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        assert tk.verify(tk.keys.issue("ada", name="k").secret)
    assert list(tmp_path.iterdir()) == []


def test_a_lone_process_keeps_others_from_its_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    with Tokenry(url, settings=replace(QUIET, exclusive=True)) as alone:
        with pytest.raises(ConfigError) as refused:
            Tokenry(url)
        assert "in use" in str(refused.value)
        assert alone.owners.put("ada")
    with Tokenry(url), pytest.raises(ConfigError):
        Tokenry(url, settings=replace(QUIET, exclusive=True))


def test_an_instance_does_not_show_where_its_database_is() -> None:
    with Tokenry("sqlite://", keyring=fresh_keyring()) as tk:
        assert repr(tk) == "<Tokenry on sqlite>"


@pytest.mark.parametrize("words", [("true", "True", "1", "yes", "YES", " on "), ("false", "0", "no", "off", "Off")])
def test_on_and_off_are_the_same_words_for_the_engine_and_the_server(words: tuple[str, ...]) -> None:
    for word in words:
        found = load({"TOKENRY_MIGRATE": word})
        assert found.settings.migrate is server_settings({"production": word}).production is (words[0] == "true")
    for word in ("", "y", "2", "enabled"):
        with pytest.raises(ConfigError, match="migrate must be true or false"):
            load({"TOKENRY_MIGRATE": word})
    with pytest.raises(ConfigError, match="production must be true or false"):
        server_settings({"production": "y"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("access_life", 300), ("store_timeout", "5s"), ("memory_entries", "many"), ("slow_statement_ms", 1.5)],
)
def test_a_setting_of_another_type_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings(**{name: value})
