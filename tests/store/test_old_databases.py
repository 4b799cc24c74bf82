"""A database that an older version made goes on after the upgrade: its keys, its times and its saved answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from django.core.management import call_command
from django.test import override_settings

from tests.conftest import STORES
from tests.ext import django_project
from tests.store import old
from tests.store.old import AT, KEYRING, SECRETS
from tokenry import ConfigError, Conflict, Settings, Tokenry
from tokenry.cli.app import app
from tokenry.config import fresh_keyring
from tokenry.store import migrate

HOUR = timedelta(hours=1)
CHANGED = {"plain": 4, "off": 1, "gone": 2, "turned": 3, "once": 4}
"""The hour in which each key was changed last."""


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the old database."""
    url = f"sqlite:///{tmp_path}/keys.db"
    if request.param != "sqlite":
        url = request.getfixturevalue("postgres_server").create_database()
    old.make(url)
    return url


def by_opening(url: str) -> None:
    old.opened(url).close()


def by_command(url: str) -> None:
    from typer.testing import CliRunner

    environment = {"TOKENRY_KEYRING": KEYRING}
    assert CliRunner().invoke(app, ["--database", url, "db", "status"], env=environment).exit_code == 1
    done = CliRunner().invoke(app, ["--database", url, "db", "upgrade"], env=environment)
    assert done.exit_code == 0, done.output


def by_host(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with Tokenry(engine=engine, keyring=KEYRING) as tk:
        with pytest.raises(ConfigError, match=r"revision 0004.*migrate\(\)"):
            tk.keys.list()
        tk.migrate()
        assert tk.keys.list()
    engine.dispose()


def by_django(url: str) -> None:
    database = django_project.postgres(url) if url.startswith("postgres") else django_project.sqlite(Path(url[10:]))
    with django_project.database(**database), override_settings(TOKENRY={"KEYRING": KEYRING}):
        call_command("migrate", verbosity=0)


@pytest.mark.parametrize("upgrade", [by_opening, by_command, by_host, by_django])
def test_an_old_database_is_upgraded_and_goes_on(url: str, upgrade: Callable[[str], None]) -> None:
    upgrade(url)
    with old.opened(url, migrate=False) as tk:
        keys = {key.name: key for key in tk.keys.list()}
        began = AT - 4 * HOUR
        assert {name: key.updated_at for name, key in keys.items()} == {
            name: began + hours * HOUR for name, hours in CHANGED.items()
        }
        assert {key.tags for key in keys.values()} == {()}
        assert tk.owners.get("ada").updated_at == began
        for name in ("plain", "turned", "issued", "rotated"):
            verdict = tk.verify(SECRETS[name], ip="203.0.113.7")
            assert verdict
            assert verdict.key.updated_at == keys[verdict.key.name].updated_at
        assert tk.audit.check()
        assert tk.keys.disable(keys["plain"].id).updated_at == AT


def test_answers_that_were_saved_before_the_upgrade_are_given_again(url: str) -> None:
    with old.opened(url) as tk:
        issued = tk.keys.issue("ada", name="once", scopes=["read:a"], idempotency_key="issued")
        assert str(issued.secret) == SECRETS["issued"]
        assert (issued.key.updated_at, issued.key.tags) == (None, ())
        assert tk.keys.issue("ada", name="once", scopes=["read:a"], tags=[], idempotency_key="issued") == issued
        [plain] = tk.keys.list(text="plain")
        rotated = tk.keys.rotate(plain.id, grace=HOUR, idempotency_key="rotated")
        assert str(rotated.secret) == SECRETS["rotated"]
        assert (rotated.key.id, rotated.key.scopes) == (plain.id, ("read:a",))
        for other in ({"scopes": ["read:b"]}, {"scopes": ["read:a"], "tags": ["a"]}):
            with pytest.raises(Conflict):
                tk.keys.issue("ada", name="once", idempotency_key="issued", **other)
        assert len(tk.keys.list()) == len(CHANGED)
        assert tk.sessions.refresh(SECRETS["refresh"])


def test_an_older_process_changes_nothing_after_the_upgrade(url: str) -> None:
    by_opening(url)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    # Every change of an older version begins with this: it would not write the documents of keys.
    with closing(engine.connect()) as connection, pytest.raises(sa.exc.DBAPIError, match="prefix"):
        connection.execute(sa.text("SELECT id, slug, name, prefix, status FROM tokenry_tenant WHERE slug = 'default'"))
    engine.dispose()


def test_another_keyring_signs_nothing(url: str) -> None:
    with pytest.raises(ConfigError, match="keyring"):
        Tokenry(url, keyring=fresh_keyring(), settings=Settings(background=False))
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with closing(engine.connect()) as connection:
        assert migrate.revision(connection) == old.REVISION
    engine.dispose()


def test_an_upgrade_signs_the_keys_once(url: str) -> None:
    by_opening(url)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with closing(engine.connect()) as connection, connection.begin():
        connection.execute(sa.text("UPDATE tokenry_secret SET seal = NULL"))
        migrate.upgrade(connection)
    engine.dispose()
    with old.opened(url) as tk:
        assert tk.verify(SECRETS["issued"]).code == "not_found"


def test_a_downgrade_gives_the_old_tables_back(url: str) -> None:
    by_opening(url)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with closing(engine.connect()) as connection, connection.begin():
        migrate.downgrade(connection, old.REVISION)
        for name, rows in old.RECORDED["tables"].items():
            found = {column["name"] for column in sa.inspect(connection).get_columns(name)}
            assert found == set(rows[0]), name
    engine.dispose()
    by_opening(url)
