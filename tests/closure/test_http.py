"""The same over HTTP: no answer of any route holds a credential that may do more than the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.chaos.counts import times
from tests.closure.actors import READS, WRITES, beginnings, key, operator, session
from tests.closure.moves import Move
from tests.closure.requests import REQUESTS, Asks, found_in
from tests.closure.trials import trial
from tests.closure.world import Credential, World, options
from tokenry import AsyncTokenry
from tokenry.api.app import Served, create_app
from tokenry.api.process.settings import ServerSettings

METHODS = {"get", "put", "post", "patch", "delete"}
ABOUT_NO_TENANT = ("tenants", "self", "explain", "verify", "auth", "oauth")
CALLERS = {
    name: begin
    for name, begin in beginnings()
    if name.startswith(("default", "without", "random", "key", "owners", "roles", "system"))
    and "session of" not in name
}
SHORT = [
    name for name in CALLERS if name.startswith(("key", "owners", "roles", "without", "default", "system session"))
]
SHORT = [name for name in SHORT if "write" in name or name.startswith("key")]


class Server:
    """A server in this process, on a world of its own."""

    def __init__(self, stack: ExitStack, seed: str) -> None:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        tk = AsyncTokenry("sqlite://", **options())
        stack.callback(lambda: loop.run_until_complete(tk.close()))
        served = Served(tk, ServerSettings(failures_max=1_000_000))
        self.world = World(Random(seed), served.sync)
        self.client = stack.enter_context(TestClient(create_app(served), raise_server_exceptions=False))

    def round(self, held: list[Credential]) -> Iterator[Credential]:
        """Ask every route once each way, in any order, each with something that is held."""
        order = [(name, asks) for name, tries in REQUESTS.items() for asks in tries]
        self.world.rng.shuffle(order)
        for name, asks in order:
            yield from found_in(self.world, name, self.ask(held, name, asks)[1])

    def ask(self, held: list[Credential], name: str, asks: Asks) -> tuple[int, Any]:
        """Return the status of a request with something that is held, and what was answered."""
        rng = self.world.rng
        caller, place = rng.choice([held[0], *held]), self.world.place()
        asked = asks(Move(self.world, place, None, held, name))
        if asked is None:
            return 0, None
        headers = {"Authorization": f"Bearer {caller.text}"}
        if asked.repeat:
            headers["Idempotency-Key"] = asked.repeat
        query = asked.query | ({} if name.partition(".")[0] in ABOUT_NO_TENANT else {"tenant": place})
        answer = self.client.request(
            asked.method, asked.path, params=query, json=asked.json, data=asked.form, headers=headers
        )
        kind = answer.headers.get("content-type", "")
        return answer.status_code, answer.json() if "json" in kind and answer.content else None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give what a test opens, closed at its end."""
    with ExitStack() as opened:
        yield opened


def test_every_route_is_tried_here(stack: ExitStack) -> None:
    paths = Server(stack, "").client.get("/openapi.json").json()["paths"]
    routes = {told["operationId"] for item in paths.values() for method, told in item.items() if method in METHODS}
    assert routes == set(REQUESTS)


def test_every_request_is_one_that_can_succeed(stack: ExitStack) -> None:
    server = Server(stack, "")
    world = server.world
    for name, tries in REQUESTS.items():
        world.tk.owners.put("new")
        world.tk.tenants.update("default", self_rotation_allowed=True)
        itself = [Credential("", str(world.tk.keys.issue("idle", name=name).secret))] * 6
        held = [operator("system", [*READS, *WRITES, "verify"])(world), key("ada", "default")(world)]
        held.append(session("ada", "default")(world))
        answers = [server.ask(itself if "self" in name else held, name, one) for _ in range(40) for one in tries]
        assert any(status // 100 == 2 for status, _ in answers), (name, answers[-2:])


@pytest.mark.parametrize("name", SHORT if times(0, 1) == 0 else CALLERS)
def test_nothing_comes_of_a_caller_that_may_do_more(stack: ExitStack, name: str) -> None:
    server = Server(stack, name)
    trial(server.world, CALLERS[name](server.world), server.round)
