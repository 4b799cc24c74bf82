"""A host's mistakes with its connection are told as such: what is wrong, and what to do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from tests.conftest import STORES
from tokenry import AsyncTokenry, ConfigError, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.types import Closed, NestedCall

KEYRING = fresh_keyring()
QUIET = Settings(background=False)


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keys.db"
    made: str = request.getfixturevalue("postgres_server").create_database()
    return made.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = sa.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def tk(engine: sa.Engine) -> Iterator[Tokenry]:
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET) as made:
        made.migrate()
        made.owners.put("ada")
        yield made


def everything(joined: Any, key_id: str) -> list[Any]:
    return [
        lambda: joined.keys.issue("ada", name="later"),
        lambda: joined.keys.get(key_id),
        lambda: joined.keys.list(),
        lambda: joined.keys.explain(key_id),
        lambda: joined.owners.put("bob"),
        lambda: joined.sessions.start("ada"),
        lambda: joined.audit.list(),
    ]


def test_calls_after_the_connection_was_closed(tk: Tokenry, engine: sa.Engine) -> None:
    with engine.connect() as connection, tk.using(connection) as joined:
        issued = joined.keys.issue("ada", name="k")
        connection.commit()
        connection.close()
        for call in everything(joined, issued.key.id):
            with pytest.raises(Closed, match="over or was closed"):
                call()
    with pytest.raises(Closed, match="over or was closed"), tk.using(connection):
        pass
    with pytest.raises(Closed, match="block is over"):
        joined.keys.list()


def test_a_session_that_cannot_be_used(tk: Tokenry, engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.begin()
        session.connection().close()
        with pytest.raises(Closed, match="over or was closed"), tk.using(session) as joined:
            joined.owners.put("bob")


def test_threads_that_share_a_connection(tk: Tokenry, engine: sa.Engine) -> None:
    """Some calls are made and some are refused, and none fails in any other way."""
    raised: list[Exception] = []
    made: list[str] = []
    barrier = threading.Barrier(4)
    with engine.connect() as connection, tk.using(connection) as joined:

        def run(name: str) -> None:
            barrier.wait()
            for number in range(50):
                try:
                    joined.owners.put(f"{name}-{number}")
                    made.append(f"{name}-{number}")
                except Exception as error:
                    raised.append(error)

        threads = [threading.Thread(target=run, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.commit()
    assert {type(error) for error in raised} <= {NestedCall}, raised[:3]
    assert all("at the same time" in str(error) for error in raised)
    assert raised
    names = {owner.external_id for owner in [tk.owners.get(name) for name in made]}
    assert names == set(made)


def test_two_instances_of_using_on_one_connection_are_the_same_mistake(tk: Tokenry, engine: sa.Engine) -> None:
    with engine.connect() as connection, tk.using(connection) as one, tk.using(connection) as other:
        entered = one._context.store.change()
        entered.__enter__()
        result: list[Any] = []

        def beside() -> None:
            try:
                result.append(other.keys.list())
            except NestedCall as error:
                result.append(error)

        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
        entered.__exit__(None, None, None)
        assert "at the same time" in str(result[0])
        assert len(other.keys.list()) == 0
        connection.rollback()


def test_a_connection_to_another_installation(tk: Tokenry, engine: sa.Engine) -> None:
    id = tk.keys.issue("ada", name="k").key.id
    with Tokenry("sqlite://", settings=QUIET) as other, engine.connect() as connection:
        with other.using(connection) as joined:
            for call in everything(joined, id):
                with pytest.raises(ConfigError, match="must be of the database that this instance was opened on"):
                    call()
        connection.rollback()


def test_a_connection_in_autocommit(tk: Tokenry, engine: sa.Engine) -> None:
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        pytest.raises(ConfigError, match="AUTOCOMMIT"),
        tk.using(connection) as joined,
    ):
        joined.keys.issue("ada", name="k")
    assert len(tk.keys.list()) == 0


def test_an_engine_in_autocommit(tk: Tokenry, url: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with Tokenry(engine=engine, keyring=KEYRING, settings=QUIET) as other:
        with pytest.raises(ConfigError, match="the engine is in AUTOCOMMIT"):
            other.keys.issue("ada", name="k")
        assert other.keys.list().items == ()
    engine.dispose()


def test_the_same_on_an_event_loop(tk: Tokenry, url: str) -> None:
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))

    async def scenario() -> None:
        async with AsyncTokenry(engine=engine, keyring=KEYRING, settings=QUIET) as other:
            async with engine.connect() as connection, other.using(connection) as joined:
                calls = [joined.owners.put(f"o{n}") for n in range(4)]
                ended = await asyncio.gather(*calls, return_exceptions=True)
                assert {type(one) for one in ended if isinstance(one, Exception)} == {NestedCall}
                await connection.commit()
            with pytest.raises(Closed, match="block is over"):
                await joined.owners.put("late")
            if engine.dialect.name == "postgresql":
                async with engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    with pytest.raises(ConfigError, match="AUTOCOMMIT"):
                        async with other.using(connection):
                            pass
        await engine.dispose()

    asyncio.run(scenario())
