"""The harness gives each test a real database of its own, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from tests.servers.postgres import Postgres
from tests.servers.waiting import until

START_AND_BE_KILLED = """
import os, signal
from tests.servers.postgres import Postgres
server = Postgres().start()
print(server.pid, server.directory, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def migrate(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE thing (id int PRIMARY KEY)")


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM thing").fetchone()
    assert row is not None
    return int(row[0])


def insert(url: str, number: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO thing VALUES (%s)", [number])


@pytest.fixture
def durable() -> Iterator[Postgres]:
    server = Postgres(fsync=True)
    try:
        yield server.start()
    finally:
        server.stop()


def test_databases_of_one_template_share_nothing(postgres_server: Postgres) -> None:
    first = postgres_server.create_database(migrate)
    second = postgres_server.create_database(migrate)
    insert(first, 1)
    assert (count(first), count(second)) == (1, 0)


def test_a_template_is_filled_once(postgres_server: Postgres) -> None:
    calls: list[str] = []
    postgres_server.create_database(calls.append)
    postgres_server.create_database(calls.append)
    assert len(calls) == 1


def test_sqlalchemy_takes_the_url(postgres_server: Postgres) -> None:
    url = postgres_server.create_database(migrate).replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM thing")).scalar() == 0
    engine.dispose()


def test_a_dropped_database_is_gone_whoever_is_connected(postgres_server: Postgres) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url) as connection:
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_it_never_listens_on_tcp(postgres_server: Postgres) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to choose")
def test_it_never_runs_as_root(postgres_server: Postgres) -> None:
    assert psutil.Process(postgres_server.pid).username() == "nobody"


def test_durability_can_be_switched_on(durable: Postgres) -> None:
    with psycopg.connect(durable.url()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_restart_breaks_connections_and_keeps_data(durable: Postgres) -> None:
    url = durable.create_database(migrate)
    insert(url, 1)
    with psycopg.connect(url) as connection:
        durable.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert count(url) == 1


def test_a_killed_server_recovers_what_was_committed(durable: Postgres) -> None:
    url = durable.create_database(migrate)
    for number in range(5):
        insert(url, number)
        durable.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        durable.start()
        assert count(url) == number + 1


def test_stop_leaves_no_process_and_no_file() -> None:
    server = Postgres().start()
    pid, directory = server.pid, server.directory
    server.stop()
    server.stop()
    assert not psutil.pid_exists(pid)
    assert not directory.exists()


def test_it_ends_with_a_process_that_was_killed() -> None:
    command = [sys.executable, "-c", START_AND_BE_KILLED]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    pid, directory = result.stdout.split()
    until(lambda: not Path(directory).exists(), describe=lambda: f"{directory} is still there")
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
