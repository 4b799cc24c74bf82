"""The same over HTTP: no answer of any route holds a credential that may do more than the caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from random import Random
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlencode

import pytest

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
ABOUT_NO_TENANT = ("doctor", "tenants", "self", "leaks", "explain", "verify", "auth", "oauth")
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
        self._app, self._loop = create_app(served), loop

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
        headers = {"Authorization": f"Bearer {caller.text}", **asked.headers}
        if asked.repeat:
            headers["Idempotency-Key"] = asked.repeat
        query = asked.query | ({} if name.partition(".")[0] in ABOUT_NO_TENANT else {"tenant": place})
        body = b""
        if asked.form is not None:
            headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(asked.form).encode()
        elif asked.json is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(asked.json, separators=(",", ":")).encode()
        return self.request(asked.method, asked.path, urlencode(query), body, headers)

    def request(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, Any]:
        """Return the status of a request, and the JSON of its answer. Not by way of a client: there are thousands."""
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"testserver"), (b"content-length", b"%d" % len(body)), *fields],
            "client": ("testclient", 50_000),
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in sent)
        kind = dict(sent[0]["headers"]).get(b"content-type", b"")
        return sent[0]["status"], json.loads(content) if b"json" in kind and content else None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Give what a test opens, closed at its end."""
    with ExitStack() as opened:
        yield opened


def test_every_route_is_tried_here(stack: ExitStack) -> None:
    paths = Server(stack, "").request("GET", "/openapi.json")[1]["paths"]
    routes = {
        operation["operationId"] for item in paths.values() for method, operation in item.items() if method in METHODS
    }
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
        asked = (server.ask(itself if "self" in name else held, name, one) for _ in range(40) for one in tries)
        assert any(status // 100 == 2 for status, _ in asked), name


@pytest.mark.parametrize("name", SHORT if times(0, 1) == 0 else CALLERS)
def test_nothing_comes_of_a_caller_that_may_do_more(stack: ExitStack, name: str) -> None:
    server = Server(stack, name)
    trial(server.world, CALLERS[name](server.world), server.round)
