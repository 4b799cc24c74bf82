"""Connections to PostgreSQL that are held for lookups: what the server does to them, no caller notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.conftest import STORES
from tests.servers.pgbouncer import pooled
from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import AsyncTokenry, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import Keyring
from tokenry.store import gathering
from tokenry.store.connections import ImpatientAsync
from tokenry.store.held import Held, HeldOnLoop, Statement, array_of

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="this leg of the suite runs without PostgreSQL")
SETTINGS = Settings(
    memory_entries=0, background=False, store_timeout=timedelta(seconds=1), flush_interval=timedelta(hours=1)
)
KEYS = 300


@dataclass(frozen=True)
class Site:
    """A database with keys, and what an administrator can do to those who use it."""

    server: Postgres
    url: str
    keyring: Keyring
    secrets: list[Any]

    def sync(self, url: str = "") -> Tokenry:
        return Tokenry(url or self.url, keyring=self.keyring, settings=SETTINGS)

    def asynchronous(self, url: str = "") -> AsyncTokenry:
        return AsyncTokenry(url or self.url, keyring=self.keyring, settings=SETTINGS)

    def end_backends(self, which: str = "true") -> int:
        """End the connections of all others to this database; return how many that were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                f"WHERE datname = current_database() AND pid <> pg_backend_pid() AND {which}"
            ).fetchall()
        return len(ended)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE tokenry_secret IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()


@pytest.fixture(scope="module")
def site(postgres_server: Postgres) -> Site:
    url, keyring = postgres_server.create_database(), fresh_keyring()
    with Tokenry(url, keyring=keyring) as tk:
        tk.owners.put("user")
        issued = tk.keys.issue_many([{"owner": "user", "name": f"key {number}"} for number in range(KEYS)])
    return Site(postgres_server, url, keyring, [one.secret for one in issued])  # type: ignore[union-attr]


def held(tk: AsyncTokenry) -> list[HeldOnLoop]:
    database: Any = tk._sync._database
    found: list[HeldOnLoop] = database._gatherings[asyncio.get_running_loop()]._idle
    return found


async def verified(tk: AsyncTokenry, secrets: list[Any]) -> list[str]:
    return [verdict.key.name for verdict in await asyncio.gather(*[tk.verify(one) for one in secrets])]  # type: ignore[union-attr]


def test_many_keys_at_once_each_get_their_own_row(site: Site) -> None:
    async def scenario() -> None:
        async with site.asynchronous() as tk:
            names = [f"key {number}" for number in range(KEYS)]
            assert await verified(tk, site.secrets) == names
            assert await verified(tk, site.secrets[::-1]) == names[::-1]

    asyncio.run(scenario())


def test_a_server_that_closed_all_connections_is_connected_to_again(site: Site) -> None:
    async def scenario() -> None:
        async with site.asynchronous() as tk:
            await verified(tk, site.secrets)
            before = list(held(tk))
            assert site.end_backends() >= len(before) >= 1
            # The loop hears of it, and listens no longer.
            await asyncio.to_thread(until, lambda: all(one.is_closed for one in before))
            assert await verified(tk, site.secrets[:40]) == [f"key {number}" for number in range(40)]

    asyncio.run(scenario())
    with site.sync() as tk:
        assert tk.verify(site.secrets[0])
        site.end_backends()
        assert tk.verify(site.secrets[0])


def test_lookups_that_are_under_way_when_their_connection_is_cut_are_asked_again(site: Site) -> None:
    waits = "wait_event_type = 'Lock'"

    async def scenario() -> None:
        async with site.asynchronous() as tk:
            await verified(tk, site.secrets)
            with site.locked():
                calls = asyncio.ensure_future(verified(tk, site.secrets[:60]))
                await asyncio.to_thread(until, lambda: site.end_backends(waits))
            assert await calls == [f"key {number}" for number in range(60)]

    asyncio.run(scenario())


def test_a_statement_that_the_server_ended_leaves_the_connection_in_use(site: Site) -> None:
    async def scenario() -> None:
        async with site.asynchronous() as tk:
            assert await tk.verify(site.secrets[0])
            (before,) = held(tk)
            with site.locked(), pytest.raises(StoreUnavailable, match="cannot be used") as caught:
                await tk.verify(site.secrets[0])
            assert caught.value.details["cause"] == "QueryCanceled"
            assert held(tk) == [before]
            # The breaker is open until a probe is answered.
            while True:
                with suppress(StoreUnavailable):
                    assert await tk.verify(site.secrets[1])
                    break
                await asyncio.sleep(0)
            assert held(tk) == [before]

    asyncio.run(scenario())


def test_a_question_that_the_socket_does_not_take_at_once_is_sent_in_parts(site: Site) -> None:
    async def scenario() -> None:
        connection = await ImpatientAsync.connect(site.url, autocommit=True)
        connection.prepare_threshold = 0
        one = HeldOnLoop(connection, asyncio.get_running_loop())
        try:
            unknown = [f"{number:016}" for number in range(300_000)]
            async with asyncio.timeout(30):
                assert await one.ask(gathering._FIND_MANY, array_of(unknown)) == []
        finally:
            one.close()

    asyncio.run(scenario())


def test_behind_a_pooler_of_transactions_nothing_is_prepared(site: Site) -> None:
    """It gives each statement another connection, on which nothing has the name that we gave."""

    async def scenario(url: str) -> None:
        async with site.asynchronous(url) as tk:
            for _ in range(5):
                assert await verified(tk, site.secrets) == [f"key {number}" for number in range(KEYS)]
            assert all(one._prepared is None for one in held(tk))

    with pooled(site.server, site.url, "transaction") as url:
        asyncio.run(scenario(url))
        with site.sync(url) as tk:
            assert all(tk.verify(secret) for secret in site.secrets[:20])


class _Watched(psycopg.Connection[Any]):
    """A connection that notes how long each wait may take. Each takes 0.7 s of the clock of `held.py`."""

    limits: list[float]

    def monotonic(self) -> float:
        return 0.7 * len(self.limits)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None:
            self.limits.append(timeout)
        return super().wait(gen, interval, timeout)


def test_to_prepare_and_to_ask_have_one_limit_together(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _Watched.connect(postgres_server.create_database(), autocommit=True) as connection:
        connection.limits = []
        monkeypatch.setattr("tokenry.store.held.time", connection)
        statement = Statement(b"one", b"SELECT $1::text")
        assert Held(connection).ask(statement, b"x", 1.5) == [(b"x",)]
        assert connection.limits == [pytest.approx(1.5), pytest.approx(0.8)]
