"""Requests that are one transaction (`ATOMIC_REQUESTS`), on SQLite in both of its modes and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings

from tests.conftest import STORES
from tests.ext import django_project
from tokenry import Limit, Settings, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.types import Closed

HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(params=["sqlite", "sqlite-immediate", "postgres"])
def tk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tokenry]:
    if request.param.partition("-")[0] not in STORES:
        pytest.skip("not in this leg")
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").create_database()
        database = django_project.postgres(url)
    else:
        url, database = f"sqlite:///{tmp_path}/site.db", django_project.sqlite(tmp_path / "site.db")
        if request.param == "sqlite-immediate":
            database["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
    keyring = tmp_path / "keyring"
    write_keyring_file(keyring, fresh_keyring())
    with (
        override_settings(TOKENRY={"KEYRING": str(keyring), "COOKIE_SECURE": False}),
        Tokenry(url, keyring=keyring, settings=Settings(background=False)) as tk,
        django_project.database(**database, ATOMIC_REQUESTS=True),
    ):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE host_row (name varchar(100))")
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def site(tk: Tokenry) -> Client:
    return Client(raise_request_exception=False)


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM host_row")
        return int(cursor.fetchone()[0])


def bearer(tk: Tokenry) -> dict[str, str]:
    issued = tk.keys.issue("ada", name="k", limits=[Limit("default", 100, 366 * 86_400)])
    return {"Authorization": f"Bearer {issued.secret}"}


def test_a_key_with_limits_is_let_in_before_the_transaction_begins(tk: Tokenry, site: Client) -> None:
    key = bearer(tk)
    for expected in (1, 2):
        assert site.get("/writes", headers=key).json() == {"in_atomic_block": True}
        assert rows() == expected
    assert site.get("/writes?fail", headers=key).status_code == 500
    assert rows() == 2
    assert site.get("/writes-alone", headers=key).json() == {"in_atomic_block": False}
    assert site.get("/writes", headers=key).headers["RateLimit"].split("r=")[1].startswith("95")


def test_a_session_begins_goes_on_and_ends_beside_what_a_request_writes(tk: Tokenry, site: Client) -> None:
    assert site.post("/writes-and-signs-in", headers=HERE).status_code == 200
    assert site.get("/signed-in", headers=HERE).status_code == 200
    before = site.cookies["tokenry_refresh"].value
    assert site.post("/auth/refreshes-and-writes", headers=HERE).status_code == 200
    assert site.cookies["tokenry_refresh"].value != before
    assert site.post("/auth/refresh", headers=HERE).status_code == 200
    assert site.post("/auth/writes-and-signs-out", headers=HERE).status_code == 204
    assert site.get("/signed-in", headers=HERE).status_code == 401
    assert rows() == 3
    assert tk.audit.check()


def test_what_fails_is_rolled_back_and_leaves_the_session_usable(tk: Tokenry, site: Client) -> None:
    assert site.post("/writes-and-signs-in?fail", headers=HERE).status_code == 500
    assert not site.cookies
    assert site.post("/writes-and-signs-in", headers=HERE).status_code == 200
    assert site.post("/auth/refreshes-and-writes?fail", headers=HERE).status_code == 500
    assert site.post("/auth/refresh", headers=HERE).status_code == 200, "a refresh whose answer was lost is repeated"
    assert site.get("/signed-in", headers=HERE).status_code == 200
    assert rows() == 1


def test_a_transaction_that_will_be_rolled_back_takes_no_change(tk: Tokenry) -> None:
    with transaction.atomic(), tk.using(connection) as joined:
        transaction.set_rollback(True)
        with pytest.raises(Closed, match="roll this transaction back"):
            joined.keys.issue("ada", name="k")
    with pytest.raises(Closed, match="roll this transaction back"), transaction.atomic():  # noqa: PT012
        transaction.set_rollback(True)
        with tk.using(connection):
            pass


def test_a_subscriber_that_cannot_be_told_is_no_error_of_what_is_committed(
    tk: Tokenry, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    with transaction.atomic():
        with tk.using(connection) as joined:
            issued = joined.keys.issue("ada", name="k")
        transaction.on_commit(lambda: done.append("what the project wanted"))
        read: Any = tk._database.read
        tk._database.read = None  # type: ignore[assignment]
    tk._database.read = read  # type: ignore[method-assign]
    assert done
    assert tk.verify(issued.secret)
    assert "on_commit" in caplog.text
