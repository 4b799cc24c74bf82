"""Nobody waits for a lookup on PostgreSQL for longer than `store_timeout`, whatever happens to the server or to us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import AsyncTokenry, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import Keyring
from tokenry.store import gathering

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="this leg of the suite runs without PostgreSQL")
TIMEOUT = 2.0
SLACK = 2.0
SETTINGS = Settings(store_timeout=timedelta(seconds=TIMEOUT), background=False, flush_interval=timedelta(hours=1))
CALLERS = 12


@dataclass(frozen=True)
class Site:
    """A database of a server of its own, which may be stopped, with some keys."""

    server: Postgres
    url: str
    keyring: Keyring
    secrets: list[Any]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AsyncTokenry]:
        async with AsyncTokenry(self.url, keyring=self.keyring, settings=SETTINGS) as tk:
            yield tk

    def stopped(self) -> AbstractContextManager[None]:
        return self.server.frozen()

    @contextmanager
    def locked(self, table: str = "tokenry_secret") -> Iterator[None]:
        with psycopg.connect(self.url) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
            connection.rollback()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    server = Postgres().start()
    try:
        url, keyring = server.create_database(), fresh_keyring()
        with Tokenry(url, keyring=keyring) as tk:
            tk.owners.put("user")
            secrets = [tk.keys.issue("user", name=f"key {n}").secret for n in range(40)]
        yield Site(server, url, keyring, secrets)
    finally:
        server.stop()


async def ended(call: Awaitable[Any]) -> tuple[Any, float]:
    """Return how a call has ended, and after how long."""
    began = time.monotonic()
    try:
        outcome = await asyncio.wait_for(call, 10 * TIMEOUT)
    except StoreUnavailable as error:
        outcome = error
    return outcome, time.monotonic() - began


async def many(tk: AsyncTokenry, secrets: list[Any], pause: float = 0.0) -> list[tuple[Any, float]]:
    calls = []
    for secret in secrets:
        calls.append(asyncio.ensure_future(ended(tk.verify(secret))))
        await asyncio.sleep(pause)
    return await asyncio.gather(*calls)


def check(outcomes: list[tuple[Any, float]]) -> None:
    assert all(isinstance(outcome, StoreUnavailable) for outcome, _ in outcomes)
    assert max(seconds for _, seconds in outcomes) < TIMEOUT + SLACK


async def recovers(tk: AsyncTokenry, secret: Any) -> None:
    began = time.monotonic()
    while time.monotonic() - began < TIMEOUT + SLACK:
        outcome, _ = await ended(tk.verify(secret))
        if not isinstance(outcome, StoreUnavailable):
            assert outcome
            return
        await asyncio.sleep(0)
    raise AssertionError("the database answers and nobody is told")


@pytest.mark.parametrize("warm", [True, False], ids=["execute", "connect"])
@pytest.mark.parametrize("how", ["stopped", "locked"])
def test_many_callers_of_one_key_are_all_answered_in_time(site: Site, how: str, warm: bool) -> None:
    """They come one after another: some are in the statement that hangs, and some wait for the next one."""

    async def scenario() -> None:
        async with site.opened() as tk:
            if warm:
                assert await tk.verify(site.secrets[0])
            with getattr(site, how)():
                check(await many(tk, [site.secrets[0]] * CALLERS, TIMEOUT / CALLERS))
            await recovers(tk, site.secrets[0])

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["stopped", "locked"])
def test_callers_of_many_keys_on_both_connections_are_answered_in_time(site: Site, how: str) -> None:
    async def scenario() -> None:
        async with site.opened() as tk:
            assert all(verdict for verdict, _ in await many(tk, site.secrets))
            with getattr(site, how)():
                check(await many(tk, site.secrets * 3, 0.01))
            await recovers(tk, site.secrets[1])

    asyncio.run(scenario())


def test_an_unexpected_error_ends_every_caller_and_harms_no_later_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with site.opened() as tk:
            with monkeypatch.context() as patched:
                patched.setattr(gathering, "read", lambda found: 1 / 0)
                check(await many(tk, [site.secrets[0]] * CALLERS + site.secrets, 0.0))
            assert await tk.verify(site.secrets[0])

    asyncio.run(scenario())


@pytest.mark.parametrize("started", [True, False])
def test_cancelled_tasks_leave_nobody_waiting(site: Site, started: bool) -> None:
    """What a host does that cancels every task it does not know."""

    async def scenario() -> None:
        async with site.opened() as tk:
            assert await tk.verify(site.secrets[0])
            known = asyncio.all_tasks()
            with site.locked():
                calls = [asyncio.ensure_future(ended(tk.verify(secret))) for secret in site.secrets[:20] * 2]
                await asyncio.sleep(0)
                if started:
                    await asyncio.sleep(0.05)
                for task in asyncio.all_tasks() - known - set(calls):
                    if "ended" not in repr(task.get_coro()) and "verify" not in repr(task.get_coro()):
                        task.cancel()
                check(await asyncio.gather(*calls))
            await recovers(tk, site.secrets[0])

    asyncio.run(scenario())


def test_callers_that_leave_take_nobody_along(site: Site) -> None:
    async def scenario() -> None:
        async with site.opened() as tk:
            with site.locked():
                calls = [asyncio.ensure_future(tk.verify(site.secrets[0])) for _ in range(CALLERS)]
                await asyncio.sleep(0.1)
                for call in calls[::2]:
                    call.cancel()
            verdicts = await asyncio.gather(*calls, return_exceptions=True)
            assert all(verdicts[1::2])
            assert all(isinstance(verdict, asyncio.CancelledError) for verdict in verdicts[::2])

    asyncio.run(scenario())


def test_an_instance_that_is_closed_answers_those_who_wait(site: Site) -> None:
    async def scenario() -> None:
        tk = AsyncTokenry(site.url, keyring=site.keyring, settings=SETTINGS)
        with site.locked():
            calls = [asyncio.ensure_future(ended(tk.verify(site.secrets[0]))) for _ in range(CALLERS)]
            await asyncio.sleep(0.1)
            await asyncio.wait_for(tk.close(), 10 * TIMEOUT)
            check(await asyncio.gather(*calls))

    asyncio.run(scenario())


def test_a_loop_that_ends_leaves_nothing_behind_for_the_next_one(site: Site) -> None:
    tk = AsyncTokenry(site.url, keyring=site.keyring, settings=SETTINGS)
    tasks = []

    async def leave() -> None:
        tasks.append(asyncio.ensure_future(tk.verify(site.secrets[0])))
        await asyncio.sleep(0.05)

    async def come_back() -> None:
        await recovers(tk, site.secrets[0])
        await tk.close()

    with site.locked():
        asyncio.run(leave())
    asyncio.run(come_back())


def test_after_the_first_timeout_the_others_are_refused_at_once(site: Site) -> None:
    """One at a time still asks. The reference is what the first one has waited on this machine, at this moment."""

    async def scenario() -> None:
        async with site.opened() as tk:
            with site.locked():
                ((_, first),) = await many(tk, site.secrets[:1])
                began = time.monotonic()
                later = [await ended(tk.verify(site.secrets[0])) for _ in range(200)]
                check(later)
                assert time.monotonic() - began < 2 * first, "200 callers wait less than two did before"
            await recovers(tk, site.secrets[0])

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["stopped", "locked"])
def test_the_synchronous_face_keeps_the_same_promise(site: Site, how: str) -> None:
    with Tokenry(site.url, keyring=site.keyring, settings=SETTINGS) as tk:
        assert tk.verify(site.secrets[0])
        with getattr(site, how)():
            for most in (TIMEOUT + SLACK, TIMEOUT, TIMEOUT):
                began = time.monotonic()
                with pytest.raises(StoreUnavailable):
                    tk.verify(site.secrets[0])
                assert time.monotonic() - began < most
        began = time.monotonic()
        while time.monotonic() - began < TIMEOUT + SLACK:
            try:
                assert tk.verify(site.secrets[0])
                return
            except StoreUnavailable:
                continue
        raise AssertionError("the database answers and nobody is told")


def test_threads_that_need_the_same_signing_key_do_not_wait_one_after_another(site: Site) -> None:
    """The one that reads has the lock; the others wait for its outcome, and not each for a timeout of its own."""
    count = 6
    with Tokenry(site.url, keyring=site.keyring, settings=SETTINGS) as tk:
        token = str(tk.exchange(site.secrets[0]).access)
    with Tokenry(site.url, keyring=site.keyring, settings=SETTINGS) as tk, ThreadPoolExecutor(count) as threads:

        def verify() -> float:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                tk.verify(token)
            return time.monotonic() - began

        with site.locked("tokenry_signing_key"):
            waits = [call.result() for call in [threads.submit(verify) for _ in range(count)]]
        assert max(waits) < TIMEOUT + SLACK
        assert tk.verify(token)
