"""What only the asynchronous face has: many callers on one event loop, and an engine that belongs to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.conftest import STORES
from tests.contract.places import KEYRING, QUIET, make_sqlite, wipe_postgres
from tokenry import AsyncTokenry, ConfigError, Limit, Settings, turning
from tokenry.config import fresh_keyring
from tokenry.testing import FakeClock
from tokenry.types import Closed

Opening = Callable[..., Any]


@pytest.fixture(params=[f"{store}-{kind}" for store in STORES for kind in ("url", "engine")])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    """Give a context that opens an instance on a database with tables."""
    if request.param.startswith("sqlite"):
        make_sqlite(tmp_path / "keys.db", by_host=True)
        url, driver = f"sqlite:///{tmp_path}/keys.db", "sqlite+aiosqlite"
    else:
        url, driver = request.getfixturevalue("postgres_database"), "postgresql+psycopg"
        wipe_postgres(url)

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[AsyncTokenry]:
        engine = None
        if request.param.endswith("engine"):
            engine = create_async_engine(url.replace(url.partition(":")[0], driver, 1))
        place = {"engine": engine} if engine else {"database_url": url}
        tk = AsyncTokenry(**({"keyring": KEYRING, "settings": QUIET, "clock": FakeClock()} | options), **place)  # type: ignore[arg-type]
        try:
            yield tk
        finally:
            await tk.close()
            if engine is not None:
                await engine.dispose()

    return opened


def host_engine(tk: AsyncTokenry) -> AsyncEngine:
    """Return one more engine of a host on the database of an instance."""
    database: Any = tk._sync._database
    if hasattr(database, "engine"):
        return create_async_engine(database.engine.url)
    return create_async_engine(getattr(database, "url", None) or f"sqlite+aiosqlite:///{database.path}")


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run on a loop of its own; nothing may be left on it."""

    async def alone() -> None:
        await work()
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks are left behind: {left}"

    asyncio.run(alone())


def test_many_callers_at_once_each_get_their_own_answer(opening: Opening) -> None:
    async def work() -> None:
        async with opening(settings=replace(QUIET, memory_entries=0)) as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue_many([{"owner": "ada", "name": f"k{number}"} for number in range(300)])
            await tk.keys.revoke(issued[7].key.id)
            asked = [*issued, *issued[:50]]
            verdicts = await asyncio.gather(*(tk.verify(one.secret) for one in asked), tk.verify("nonsense"))
            assert [verdict.code for verdict in verdicts[:8]] == ["valid"] * 7 + ["revoked"]
            assert [v.key.id for v in verdicts if v] == [one.key.id for one in asked if one.key.id != issued[7].key.id]
            assert verdicts[-1].code == "malformed"
            await tk.flush()
            assert (await tk.keys.get(issued[0].key.id)).use_count == 2

    run(work)


def test_a_caller_that_gives_up_does_not_disturb_the_others(opening: Opening) -> None:
    async def work() -> None:
        async with opening(settings=replace(QUIET, memory_entries=0)) as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k")
            tasks = [asyncio.create_task(tk.verify(issued.secret)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(getattr(answer, "code", "") == "valid" for answer in answers[1::2])
            assert await tk.verify(issued.secret)

    run(work)


def test_many_changes_at_once_are_all_made(opening: Opening) -> None:
    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
            names = [f"k{number}" for number in range(20)] * 2
            answers = await asyncio.gather(*(tk.keys.issue("ada", name=name) for name in names), return_exceptions=True)
            issued = [answer for answer in answers if not isinstance(answer, Exception)]
            assert {answer.key.name for answer in issued} == set(names)
            assert len(issued) == 20
            assert {getattr(answer, "code", "") for answer in answers if isinstance(answer, Exception)} == {"conflict"}
            assert all(await asyncio.gather(*(tk.verify(one.secret) for one in issued)))
            assert await tk.audit.check()

    run(work)


@pytest.mark.parametrize("settings", [Settings(), Settings(background=False)], ids=["background", "inline"])
def test_closing_leaves_no_task_and_loses_no_count(opening: Opening, settings: Settings) -> None:
    async def work() -> None:
        async with opening(settings=settings) as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k")
            assert await tk.verify(issued.secret)
        async with opening(settings=settings) as tk:
            assert (await tk.keys.get(issued.key.id)).use_count == 1
            await tk.close()
            await tk.close()

    run(work)


def test_many_callers_at_once_read_a_signing_key_that_nobody_has_read(opening: Opening) -> None:
    """On the loop of a host's engine one that waited for a lock would keep its holder from going on."""

    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k")
            tokens = [(await tk.exchange(issued.secret)).access for _ in range(2)]
            tk._sync._signers.forget()
            verifying = asyncio.gather(*(tk.verify(token) for token in tokens * 3))
            assert all(await asyncio.wait_for(verifying, 10))

    run(work)


def test_a_closed_instance_answers_nobody(opening: Opening) -> None:
    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k")
            assert await tk.verify(issued.secret)
            await tk.close()
            with pytest.raises(Closed, match="closed"):
                await tk.verify(issued.secret)

    run(work)


def test_an_instance_that_was_never_used_closes_quietly(opening: Opening, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with opening(settings=Settings()):
            pass

    run(work)
    assert caplog.text == ""


def test_a_wrong_keyring_is_refused_at_every_call_not_only_the_first(opening: Opening) -> None:
    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
        try:
            async with opening(keyring=fresh_keyring()) as tk:
                for _ in range(2):
                    for call in (tk.keys.list(), tk.verify("tk_live_1"), tk.owners.put("bob")):
                        with pytest.raises(ConfigError):
                            await call
        except ConfigError:
            return  # refused when it was opened

    run(work)


def test_a_limit_holds_for_many_callers_at_once(opening: Opening) -> None:
    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
            limit = {"name": "many", "limit": 50, "window_seconds": 60}
            issued = await tk.keys.issue("ada", name="k", limits=[limit])
            verdicts = await asyncio.gather(*(tk.verify(issued.secret) for _ in range(120)))
            assert [verdict.code for verdict in verdicts].count("valid") == 50
            assert {verdict.code for verdict in verdicts} == {"valid", "rate_limited"}

    run(work)


def test_the_clock_of_the_background_is_the_settings(opening: Opening) -> None:
    async def work() -> None:
        heard = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with opening(settings=Settings(flush_interval=timedelta(milliseconds=5))) as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k")
            listener = lambda event: loop.call_soon_threadsafe(heard.set)  # noqa: E731
            await tk.events.subscribe(listener, types=["key.first_used"])
            assert await tk.verify(issued.secret)
            await asyncio.wait_for(heard.wait(), 10)
            assert (await tk.keys.get(issued.key.id)).use_count == 1

    run(work)


def test_two_calls_at_once_inside_of_one_transaction_are_refused(opening: Opening) -> None:
    async def work() -> None:
        async with opening() as tk:
            await tk.owners.put("ada")
            engine = host_engine(tk)
            async with AsyncSession(engine) as session, tk.using(session) as joined:
                calls = [joined.keys.issue("ada", name=f"k{number}") for number in range(3)]
                first, *others = await asyncio.gather(*calls, return_exceptions=True)
                message = "two calls inside of one transaction at the same time: make one after the other"
                assert all(str(error).startswith(message) for error in others), others
                await session.commit()
                assert await tk.verify(first.secret)
            await engine.dispose()

    run(work)


def test_a_lease_on_an_engine_of_a_host_is_made_in_a_thread(tmp_path: Path) -> None:
    """How long the host's engine waits for the write lock, only the host knows: here 5 s."""
    make_sqlite(tmp_path / "keys.db", by_host=True)
    engine, threads = create_engine(f"sqlite:///{tmp_path}/keys.db"), set()

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "tokenry_limit_counter" in statement:
            threads.add(threading.current_thread().name)

    async def work() -> None:
        async with AsyncTokenry(engine=engine, keyring=KEYRING, settings=Settings()) as tk:
            await tk.owners.put("user")
            issued = await tk.keys.issue("user", name="k", limits=[Limit("minute", 10, 60)])
            assert await tk.verify(issued.secret)
            assert threads == {"tokenry-leases"}

    run(work)
    engine.dispose()


def test_work_in_the_background_of_an_async_engine_does_not_block_the_loop(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the rotation of a signing key, while another process does not say that it has heard of it."""
    wipe_postgres(postgres_database)
    engine = create_async_engine(postgres_database.replace("postgresql", "postgresql+psycopg", 1))

    async def work() -> None:
        async with AsyncTokenry(engine=engine, keyring=KEYRING, settings=QUIET) as tk:
            await tk.owners.put("user")
            slept: list[float] = []
            monkeypatch.setattr(turning.time, "sleep", slept.append)
            monkeypatch.setattr(tk._sync._fence, "waiting", lambda turns: iter([0.001] * 3))
            monkeypatch.setattr(tk._sync, "_tick", lambda: tk._sync.owners.disable("user"))
            tk._sync._ticked_at = 0.0
            await tk._tick_once()
            assert (await tk.owners.get("user")).status == "disabled"
            assert slept == []

    run(work)
    asyncio.run(engine.dispose())
