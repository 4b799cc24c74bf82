"""On PostgreSQL requests wait in the lane for lookups that are gathered."""

import asyncio
from typing import Any

import psycopg
import pytest

from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import AsyncTokenry, Limit
from tokenry.api.app import Served, create_app
from tokenry.api.hot.lane import LaneProtocol, protocol
from tokenry.api.process.settings import ServerSettings
from tokenry.config import fresh_keyring
from tokenry.edge import Engine, read_ask
from tokenry.store import gathering

from .answer import read
from .requests import auth, verify
from .wire import Talk

CALLERS = 40


def test_lookups_of_many_callers_are_gathered_and_every_one_is_answered(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    find_many = gathering._find_many

    async def counted(cursor: Any, kids: list[str], *more: Any) -> Any:
        batches.append(len(kids))
        return await find_many(cursor, kids, *more)

    monkeypatch.setattr(gathering, "_find_many", counted)
    asyncio.run(_many(postgres_server.create_database()))
    assert sum(batches) <= 4 * CALLERS + 1
    assert len(batches) <= CALLERS


async def _many(url: str) -> None:
    async with AsyncTokenry(url, keyring=fresh_keyring()) as tk:
        await tk.owners.put("user")
        await tk.owners.put("ops", tenant="system", admin=True)
        about: dict[str, Any] = {"environment": "op", "scopes": ["tokenry:verify"]}
        caller = str((await tk.keys.issue("ops", tenant="system", name="gateway", **about)).secret)
        texts = [str((await tk.keys.issue("user", name=f"key {number}")).secret) for number in range(CALLERS)]
        served = Served(tk, ServerSettings(failures_max=1))
        app, kind = create_app(served), protocol(served)
        assert issubclass(kind, LaneProtocol)
        talks = [Talk(kind, app) for _ in texts]
        await asyncio.gather(
            *(
                talk.send([verify(caller, {"credential": text}), auth(text)])
                for talk, text in zip(talks, texts, strict=True)
            )
        )
        for talk in talks:
            answers = read(await talk.answers())
            assert [answer.status for answer in answers] == [200, 200]
            assert answers[0].json["valid"] is True
            await talk.end()
        question = {"questions": [{"credential": text} for text in [*texts, "junk"]]}
        talk = Talk(kind, app)
        await talk.send([verify(caller, question, target="/v1/verify/batch")])
        [answer] = read(await talk.answers())
        assert [one["code"] for one in answer.json["verdicts"]] == ["valid"] * CALLERS + ["malformed"]
        await talk.end()


def test_what_is_looked_up_ahead_is_neither_counted_nor_told_to_a_caller_who_may_not_ask(
    postgres_server: Postgres,
) -> None:
    asyncio.run(_ahead(postgres_server.create_database()))


async def _ahead(url: str) -> None:
    async with AsyncTokenry(url, keyring=fresh_keyring()) as tk:
        await tk.owners.put("user")
        await tk.owners.put("ops", tenant="system", admin=True)
        about: dict[str, Any] = {"environment": "op", "scopes": ["tokenry:verify"]}
        caller = str((await tk.keys.issue("ops", tenant="system", name="gateway", **about)).secret)
        issued = await tk.keys.issue("user", name="once", limits=[Limit("day", 1, 86_400)])
        served = Served(tk, ServerSettings())
        talk = Talk(protocol(served), create_app(served))
        question = {"credential": str(issued.secret)}
        await talk.send([verify(str(issued.secret), question), verify("junk", question), verify("junk", {"x": 1})])
        assert [answer.status for answer in read(await talk.answers())] == [401, 401, 401]
        await talk.end()
        talk = Talk(protocol(served), create_app(served))
        await talk.send([verify(caller, {"x": 1}), verify(caller, question), verify(caller, question)])
        wrong, first, second = read(await talk.answers())
        assert (wrong.status, wrong.json["code"]) == (422, "invalid")
        assert first.json["valid"] is True
        assert second.json["code"] == "rate_limited"
        await talk.end()


def test_what_was_looked_up_ahead_of_a_revocation_is_not_remembered_after_it(postgres_server: Postgres) -> None:
    async def work() -> None:
        async with AsyncTokenry(postgres_server.create_database(), keyring=fresh_keyring()) as tk:
            await tk.owners.put("user")
            issued = await tk.keys.issue("user", name="once")
            text, engine = str(issued.secret), Engine(tk)
            ahead = engine.look_ahead(text)
            assert ahead is not None
            await asyncio.to_thread(until, ahead.done)
            await tk.keys.revoke(issued.key.id)
            verdicts: list[Any] = []
            engine.pursue(
                text, read_ask(None, None, 1, None, None, None), lambda *result: verdicts.append(result), ahead
            )
            [(verdict, error)] = verdicts
            assert (verdict.code, error) == ("valid", None), "what was asked before the revocation may be answered so"
            assert [(await tk.verify(text)).code for _ in range(2)] == ["revoked"] * 2

    asyncio.run(work())


def test_a_request_that_waits_when_the_server_ends_is_answered_and_its_row_comes_in_vain(
    postgres_server: Postgres,
) -> None:
    asyncio.run(_ended(postgres_server.create_database()))


async def _ended(url: str) -> None:
    async with AsyncTokenry(url, keyring=fresh_keyring()) as tk:
        await tk.owners.put("user")
        text = str((await tk.keys.issue("user", name="key")).secret)
        await tk.verify(text)
        tk._sync._memory.clear()
        served = Served(tk, ServerSettings())
        talk = Talk(protocol(served), create_app(served))
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE tokenry_secret IN ACCESS EXCLUSIVE MODE")
            await talk.send([auth(text)])
            [waiting] = talk.state.tasks
            waiting.cancel(msg="the time is over")
            [answer] = read(await talk.answers())
            assert (answer.status, len(talk.state.tasks)) == (503, 0)
        await talk.send([auth(text)])
        assert [one.status for one in read(await talk.answers())] == [503, 200]
        await talk.end()


def test_a_verification_that_cannot_be_ended_costs_no_other_one_its_row(
    postgres_server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> list[Any]:
        async with AsyncTokenry(postgres_server.create_database(), keyring=fresh_keyring()) as tk:
            await tk.owners.put("user")
            texts = [str((await tk.keys.issue("user", name=f"key {number}")).secret) for number in range(3)]
            engine, results, ask = Engine(tk), [], read_ask(None, None, 1, None, None, None)
            ended = asyncio.Event()

            def fail(*outcome: Any) -> None:
                raise RuntimeError("the connection is gone")

            def take(*outcome: Any) -> None:
                results.append(outcome)
                if len(results) == 2:
                    ended.set()

            for text, then in zip(texts, (take, fail, take), strict=True):
                engine.pursue(text, ask, then)
            await asyncio.wait_for(ended.wait(), 60)
            return results

    results = asyncio.run(work())
    assert [(verdict.code, error) for verdict, error in results] == [("valid", None)] * 2
    assert "could not be ended" in caplog.text
