"""One engine behind two protocols: the fast lane, and the ordinary way."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.api.lane.wire import talk
from tokenry import AsyncTokenry, Limit, Settings
from tokenry.api.app import App, Served, create_app
from tokenry.api.hot.lane import protocol
from tokenry.api.process.settings import ServerSettings
from tokenry.config import fresh_keyring
from tokenry.testing import FakeClock

KEY_IP = "203.0.113.7"


@dataclass
class Way:
    """A way for requests to be answered."""

    served: Served
    app: App
    protocol: Any

    def answer(self, *pieces: bytes, **about: Any) -> tuple[bytes, bool]:
        """Return the answers to these pieces on one connection, and whether it was closed after them."""
        return run(talk(self.served, self.protocol, self.app, pieces, **about))


_loop: list[asyncio.AbstractEventLoop] = []


def run(work: Any) -> Any:
    """Run something on the loop of these tests."""
    return _loop[0].run_until_complete(work)


class Place:
    """A server's engine with some keys."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.tk = AsyncTokenry("sqlite://", keyring=fresh_keyring(), settings=Settings(), clock=self.clock)
        self.settings = ServerSettings(**settings)
        sync = self.sync = self.tk._sync
        sync.owners.put("user-42")
        sync.owners.put("ops", tenant="system", admin=True)
        sync.tenants.create("acme")
        sync.owners.put("acme-ops", tenant="acme", admin=True)
        sync.owners.put("acme-user", tenant="acme")
        verify: dict[str, Any] = {"environment": "op", "scopes": ["tokenry:verify"]}
        self.operator = str(sync.keys.issue("ops", tenant="system", name="gateway", **verify).secret)
        self.acme_operator = str(sync.keys.issue("acme-ops", tenant="acme", name="gateway", **verify).secret)
        self.helpless = str(
            sync.keys.issue(
                "ops", tenant="system", name="reader", environment="op", scopes=["tokenry:keys:read"]
            ).secret
        )
        self.key = self.issue("key", scopes=["read:projects"])
        self.acme_key = self.issue("key", owner="acme-user", tenant="acme")
        self.bound = self.issue("bound", allowed_ips=["203.0.113.0/24"])
        self.spent = self.issue("spent", limits=[Limit("day", 1, 86_400)])
        for text in (self.key, self.spent, self.operator):
            sync.verify(text)

    def issue(self, name: str, owner: str = "user-42", **about: Any) -> str:
        return str(self.sync.keys.issue(owner, name=name, **about).secret)

    def way(self, *, lane: bool, **settings: Any) -> Way:
        served = Served(self.tk, replace(self.settings, lane=lane, **settings))
        return Way(served, create_app(served), protocol(served))


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    _loop[:] = [loop]
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture(scope="session")
def place(loop: asyncio.AbstractEventLoop) -> Iterator[Place]:
    place = Place(failures_max=1_000_000)
    yield place
    loop.run_until_complete(place.tk.close())


@pytest.fixture(scope="session")
def lane(place: Place) -> Way:
    return place.way(lane=True)


@pytest.fixture(scope="session")
def plain(place: Place) -> Way:
    return place.way(lane=False)


@pytest.fixture
def fresh(loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Place]]:
    """Make places of a test's own."""
    made: list[Place] = []

    def make(**settings: Any) -> Place:
        made.append(Place(**settings))
        return made[-1]

    yield make
    for place in made:
        loop.run_until_complete(place.tk.close())
