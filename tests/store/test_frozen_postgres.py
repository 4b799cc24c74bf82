"""A PostgreSQL that accepts connections and never answers is unavailable, not waited for."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import AsyncTokenry, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="this leg of the suite runs without PostgreSQL")
SETTINGS = Settings(store_timeout=timedelta(seconds=0.5), background=False)


@pytest.fixture
def server() -> Iterator[Postgres]:
    running = Postgres().start()
    yield running
    running.stop()


def test_both_faces_say_so_in_time_and_recover_by_themselves(server: Postgres) -> None:
    url, keyring = server.create_database(), fresh_keyring()

    async def asynchronous(secret: object) -> None:
        async with AsyncTokenry(url, keyring=keyring, settings=SETTINGS) as tk:
            assert await tk.verify(secret)  # type: ignore[arg-type]
            with server.frozen():
                begin = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    await tk.verify(secret)  # type: ignore[arg-type]
                assert time.monotonic() - begin < 10
            assert await tk.verify(secret)  # type: ignore[arg-type]

    with Tokenry(url, keyring=keyring, settings=SETTINGS) as tk:
        tk.owners.put("user")
        issued = tk.keys.issue("user", name="key")
        assert tk.verify(issued.secret)
        with server.frozen():
            begin = time.monotonic()
            with pytest.raises(StoreUnavailable):
                tk.verify(issued.secret)
            with pytest.raises(StoreUnavailable):
                tk.keys.revoke(issued.key.id)
            assert time.monotonic() - begin < 20
        assert tk.verify(issued.secret)
        asyncio.run(asynchronous(issued.secret))


def test_who_waits_beside_others_does_not_wait_again_after_them(server: Postgres) -> None:
    url, keyring = server.create_database(), fresh_keyring()

    async def ended(tk: AsyncTokenry, secret: object, after: float) -> float:
        await asyncio.sleep(after)
        with pytest.raises(StoreUnavailable):
            await tk.verify(secret)  # type: ignore[arg-type]
        return time.monotonic()

    async def together(secrets: list[object]) -> None:
        async with AsyncTokenry(url, keyring=keyring, settings=SETTINGS) as tk:
            assert await tk.verify(secrets[0])  # type: ignore[arg-type]
            with server.frozen():
                times = await asyncio.gather(*[ended(tk, secret, n / 10) for n, secret in enumerate(secrets)])
            assert max(times) - min(times) < 0.5
            assert await tk.verify(secrets[0])  # type: ignore[arg-type]

    with Tokenry(url, keyring=keyring, settings=SETTINGS) as tk:
        tk.owners.put("user")
        secrets: list[object] = [tk.keys.issue("user", name=f"key {n}").secret for n in range(4)]
    asyncio.run(together(secrets))
