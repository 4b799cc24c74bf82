"""One suite for every store and face: a test that asks for `tk` runs on each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.conftest import STORES
from tests.contract import places
from tests.contract.places import Installation
from tokenry.testing import FakeClock
from tokenry.types import Issued, Owner

Issue = Callable[..., Issued]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of this suite."""
    config.addinivalue_line("markers", "lasting: needs a database that outlives the instance, so not one in memory")
    config.addinivalue_line("markers", "rules: is about a rule, which no store changes: it runs on one of each face")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on some stores and faces in turn, or with long counts on all of them."""
    if "installation" not in metafunc.fixturenames:
        return
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    names = places.TURNS[crc32(metafunc.definition.originalname.encode()) % len(places.TURNS)]
    if "rules" in marks:
        names = places.RULES
    elif os.environ.get("TOKENRY_CHAOS"):
        names = places.EVERYTHING
    names = [name for name in names if name.partition("-")[0] in STORES]
    if "lasting" in marks:
        names = [name for name in names if "memory" not in name]
    metafunc.parametrize("installation", names, indirect=True)


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Give databases that are made but empty, by whether a host's engine made them."""
    directory = tmp_path_factory.mktemp("templates")
    templates = {by_host: directory / f"{by_host}.db" for by_host in (False, True)}
    for by_host, path in templates.items():
        places.make_sqlite(path, by_host=by_host)
    return templates


@pytest.fixture(scope="session")
def postgres_database(request: pytest.FixtureRequest) -> str:
    """Give the URL of the one database that the tests of a worker share, one after another."""
    server = request.getfixturevalue("postgres_server")
    url: str = server.create_database()
    places.make_postgres(url)
    return url


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Give one store and face, with nothing in it."""
    url = None
    if request.param.startswith("postgres"):
        url = request.getfixturevalue("postgres_database")
        places.wipe_postgres(url)
    made = Installation(request.param, tmp_path, url)
    if made.store == "sqlite" and made.place != "memory":
        templates = request.getfixturevalue("sqlite_templates")
        places.copy_sqlite(templates["engine" in made.place], made.path)
    yield made
    made.end()


@pytest.fixture
def tk(installation: Installation) -> Any:
    """Give an open instance, typed as neither face since it is both."""
    return installation.open()


@pytest.fixture
def clock(installation: Installation) -> FakeClock:
    """Give the clock that the instance goes by."""
    return installation.clock


@pytest.fixture
def ada(tk: Any) -> Owner:
    """Give an owner without roles."""
    owner: Owner = tk.owners.put("ada")
    return owner


@pytest.fixture
def issue(tk: Any, ada: Owner) -> Issue:
    """Give a function that issues keys of ada's, each with a name of its own unless told."""
    count = 0

    def issue_key(name: str | None = None, **fields: Any) -> Issued:
        nonlocal count
        count += 1
        issued: Issued = tk.keys.issue("ada", name=name or f"key {count}", **fields)
        return issued

    return issue_key


@pytest.fixture
def acme(tk: Any) -> str:
    """Give a second tenant, in which keys may live for ever and belong to ada too."""
    tk.tenants.create("acme", prefix="acme", never_allowed=True, expires_in_max=timedelta(days=3650))
    tk.owners.put("ada", tenant="acme")
    return "acme"
