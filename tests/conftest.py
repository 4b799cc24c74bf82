"""What every test may ask for."""

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.postgres import Postgres
from tests.servers.serving import Serving, serving

# The leg with the lowest dependencies sets this; the header of the report says what runs.
STORES = os.environ.get("TOKENRY_TEST_STORES", "sqlite,postgres").split(",")

# No deadline: a slow machine is no failure. Short counts look at the same examples every time, so that a change is
# judged by what it changed; long counts look further, and elsewhere each time.
_LONG = bool(os.environ.get("TOKENRY_CHAOS"))
settings.register_profile("house", deadline=None, max_examples=1000 if _LONG else 100, derandomize=not _LONG)
settings.load_profile("house")


def pytest_report_header() -> str:
    counts = "long" if os.environ.get("TOKENRY_CHAOS") else "short"
    return f"tokenry: stores {', '.join(STORES)}; {counts} counts"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Run one PostgreSQL for the session; with xdist, one for each worker, so that they share nothing."""
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def tokenry_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run one server for the session, on SQLite; who uses it makes a tenant of their own."""
    with serving(tmp_path_factory.mktemp("server"), TOKENRY_FAILURES_MAX="1000000") as server:
        yield server


@pytest.fixture(autouse=True)
def no_thread_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread of ours behind: it would work on, in the next test's time."""
    before = set(threading.enumerate())
    yield
    new = set(threading.enumerate()) - before
    left = [thread for thread in new if thread.name.startswith("tokenry-")]
    for thread in left:
        thread.join(timeout=10)
    running = [thread.name for thread in left if thread.is_alive()]
    assert not running, f"close what you open: {running} still running"


@pytest.fixture(autouse=True)
def no_variable_left_set() -> Iterator[None]:
    """Fail a test that leaves the environment changed: the settings of the next test would come from it."""
    before = dict(os.environ)
    yield
    after = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    before.pop("PYTEST_CURRENT_TEST", None)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    os.environ.update(before)
    for name in changed - before.keys():
        del os.environ[name]
    assert not changed, f"use monkeypatch: {', '.join(sorted(changed))} left changed"
