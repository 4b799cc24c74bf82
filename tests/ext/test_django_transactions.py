"""Joining `atomic()`: a key and the project's own row become true together, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.conftest import STORES
from tests.ext import django_project
from tokenry import ConfigError, Conflict, Settings, Tokenry
from tokenry.config import fresh_keyring

KEYRING = fresh_keyring()


@pytest.fixture(params=["sqlite", "postgres"])
def tk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tokenry]:
    if request.param not in STORES:
        pytest.skip("not in this leg")
    if request.param == "sqlite":
        url, database = f"sqlite:///{tmp_path}/site.db", django_project.sqlite(tmp_path / "site.db")
    else:
        url = request.getfixturevalue("postgres_server").create_database()
        database = django_project.postgres(url)
    with Tokenry(url, keyring=KEYRING, settings=Settings(background=False)) as tk, django_project.database(**database):
        tk.owners.put("ada")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE host_row (name varchar(100) UNIQUE)")
        yield tk


def insert(name: str = "row") -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO host_row VALUES (%s)", [name])


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM host_row")
        return int(cursor.fetchone()[0])


def test_a_key_and_the_projects_row_live_together(tk: Tokenry) -> None:
    with transaction.atomic(), tk.using(connection) as joined:
        insert()
        issued = joined.keys.issue("ada", name="k")
        assert joined.keys.get(issued.key.id) == issued.key
        assert tk.verify(issued.secret).code == "not_found"
    assert rows() == 1
    assert tk.verify(issued.secret)
    assert tk.audit.check()


def test_a_key_and_the_projects_row_die_together(tk: Tokenry) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), tk.using(connection) as joined:  # noqa: PT012
        insert()
        issued = joined.keys.issue("ada", name="k")
        raise ZeroDivisionError
    assert rows() == 0
    assert tk.verify(issued.secret).code == "not_found"
    assert len(tk.events.list(types=["key.issued"]).items) == 0


def test_a_revocation_holds_and_is_told_as_soon_as_django_has_committed(tk: Tokenry) -> None:
    issued = tk.keys.issue("ada", name="k")
    heard: list[str] = []
    tk.events.subscribe(lambda event: heard.append(event.type), types=["key.revoked"])
    assert tk.verify(issued.secret)
    with transaction.atomic():
        with tk.using(connection) as joined:
            joined.keys.revoke(issued.key.id)
        assert heard == []
    assert tk.verify(issued.secret).code == "revoked"
    assert heard == ["key.revoked"]


def test_savepoints_of_both_sides_nest(tk: Tokenry) -> None:
    tk.keys.issue("ada", name="taken")
    with transaction.atomic(), tk.using(connection) as joined:
        kept = joined.keys.issue("ada", name="kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
            lost = joined.keys.issue("ada", name="lost")
            insert("lost")
            raise ZeroDivisionError
        with pytest.raises(Conflict):
            joined.keys.issue("ada", name="taken")
        insert("kept")
        with pytest.raises(IntegrityError), transaction.atomic():
            insert("kept")
        after = joined.keys.issue("ada", name="after")
    assert [bool(tk.verify(one.secret)) for one in (kept, lost, after)] == [True, False, True]
    assert rows() == 1


def test_django_goes_on_with_its_connection_as_it_was(tk: Tokenry) -> None:
    with transaction.atomic(), tk.using(connection) as joined:
        joined.owners.put("bob", email="bob@example.com")
    raw = connection.connection
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT 'abc' REGEXP %s", ["A"])  # Django's own function, not SQLAlchemy's
            assert cursor.fetchone()[0] == 0
        cursor.execute("SELECT 1")
        assert cursor.fetchone()[0] == 1
    assert connection.connection is raw
    assert connection.get_autocommit()
    assert tk.owners.get("bob").email == "bob@example.com"


def test_a_session_begins_with_the_projects_row_or_not_at_all(tk: Tokenry) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), tk.using(connection) as joined:  # noqa: PT012
        tokens = joined.sessions.start("ada")
        raise ZeroDivisionError
    assert not tk.sessions.refresh(tokens.refresh)
    with transaction.atomic(), tk.using(connection) as joined:
        tokens = joined.sessions.start("ada")
    assert tk.verify(tokens.access)


def test_outside_of_atomic_it_says_what_to_do(tk: Tokenry) -> None:
    with pytest.raises(ConfigError, match=r"transaction\.atomic"), tk.using(connection):
        pass


def test_everything_else_is_still_refused(tk: Tokenry) -> None:
    with pytest.raises(ConfigError, match="Django's connection"), tk.using(connection.connection):
        pass


def test_what_it_counts_inside_is_whole(tk: Tokenry) -> None:
    made: list[Any] = []
    for number in range(20):
        with transaction.atomic(), tk.using(connection) as joined:
            made.append(joined.keys.issue("ada", name=f"key {number}", idempotency_key=f"key {number}"))
    assert all(tk.verify(one.secret) for one in made)
    assert len(tk.keys.list(limit=50).items) == 20
