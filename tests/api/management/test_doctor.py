"""The server examines its installation: with the answers of the command, for one caller at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry, doctor
from tokenry.api.management import Callers, Management
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.installation import Installation, make_operator_key

SETTINGS = Settings(background=False)


class Served:
    """A management API on an installation that the command can reach, too."""

    def __init__(self, url: str, keyring: Path, clock: Clock | None = None) -> None:
        self.keyring = keyring
        self.tk = Tokenry(url, keyring=keyring, settings=SETTINGS, clock=clock)
        self.installation = Installation(url, str(keyring), SETTINGS)
        headers = {"Authorization": f"Bearer {make_operator_key(self.tk).secret}"}
        self.client = TestClient(Management(self.tk, Callers(self.tk)), headers=headers)

    def examined(self) -> list[dict[str, Any]]:
        answer = self.client.get("/v1/doctor")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


def keyring_in(directory: Path) -> Path:
    write_keyring_file(directory / "keyring", fresh_keyring())
    return directory / "keyring"


@pytest.fixture(params=STORES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.create_database()
    served = Served(url, keyring_in(tmp_path))
    yield served
    served.tk.close()


def without_moments(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "message": ""} if one["check"] == "clock" else one for one in items]


def test_the_server_and_the_command_find_the_same(served: Served) -> None:
    served.tk.owners.put("ada")
    served.tk.keys.issue("ada", name="CI")
    for spoilt in (False, True):
        if spoilt:
            spoil(served)
        items = served.examined()
        of_command = [
            {name: getattr(one, name) for name in one.__slots__} for one in doctor.examine(served.installation)
        ]
        assert without_moments(items) == without_moments(of_command)
    assert {one["check"] for one in items if one["status"] == "failed"} == {"signed keys"}


def spoil(served: Served) -> None:
    """Change a key behind the back of the server."""
    with served.tk._database.change() as rows:
        rows.core.execute(text("UPDATE tokenry_key SET allowed_ips = '[\"192.0.2.1\"]'"))


def test_a_keyring_file_that_others_can_read_is_found_while_the_server_runs(served: Served) -> None:
    served.keyring.chmod(0o644)
    [bad] = [one for one in served.examined() if one["status"] == "failed"]
    assert (bad["check"], bad["command"]) == ("keyring file", f"chmod 600 {served.keyring}")


def test_the_password_of_the_database_is_not_shown(served: Served) -> None:
    shown = {one["check"]: one["message"] for one in served.examined()}["database"]
    assert shown == f"{served.installation.shown_url()} can be reached"


class Clock:
    """A clock that stands still for whoever examines, until it is let go."""

    def __init__(self) -> None:
        self.examiner: Any = None
        self.stands, self.goes_on = threading.Event(), threading.Event()

    def now(self) -> datetime:
        if self.examiner is not None and self.examiner._running.locked() and not self.stands.is_set():
            self.stands.set()
            assert self.goes_on.wait(30)
        return datetime.now(UTC)


def test_one_examination_runs_at_a_time_beside_the_other_requests(tmp_path: Path) -> None:
    clock = Clock()
    served = Served(f"sqlite:///{tmp_path / 'keys.db'}", keyring_in(tmp_path), clock)
    with served.client as client, ThreadPoolExecutor(1) as pool:
        clock.examiner = served.tk._examiner
        first = pool.submit(client.get, "/v1/doctor")
        assert clock.stands.wait(30)
        try:
            second = client.get("/v1/doctor")
            assert (second.status_code, second.json()["code"]) == (409, "conflict")
            assert "being examined already" in second.json()["detail"]
            assert client.get("/v1/tenants?limit=1").status_code == 200
        finally:
            clock.goes_on.set()
        assert first.result().status_code == 200
        assert client.get("/v1/doctor").status_code == 200
    served.tk.close()
