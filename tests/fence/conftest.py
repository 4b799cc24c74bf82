"""A PostgreSQL that waits for the disk, as those of users do."""

from collections.abc import Iterator

import pytest

from tests.conftest import STORES
from tests.processes.places import crew, postgres_place
from tests.servers.postgres import Postgres

__all__ = ["crew", "durable_server", "postgres_place"]


@pytest.fixture(scope="session")
def durable_server() -> Iterator[Postgres]:
    if "postgres" not in STORES:
        pytest.skip("PostgreSQL is not among the stores of this run")
    server = Postgres(fsync=True)
    try:
        yield server.start()
    finally:
        server.stop()
