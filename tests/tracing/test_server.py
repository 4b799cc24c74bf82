"""Spans of the server belong to the trace that a request names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.api.lane.wire import talk
from tokenry import AsyncTokenry, Limit, Settings
from tokenry.api.app import Served, create_app
from tokenry.api.hot.lane import protocol
from tokenry.api.process.settings import ServerSettings
from tokenry.config import fresh_keyring
from tokenry.types import OPERATOR_SCOPES

from .conftest import Spans

SPAN = "00f067aa0ba902b7"


@dataclass
class Server:
    """A server in this process, and requests to it."""

    loop: asyncio.AbstractEventLoop
    tk: AsyncTokenry
    operator: str
    lane: bool
    served: Served = field(init=False)

    def __post_init__(self) -> None:
        self.served = Served(self.tk, ServerSettings(lane=self.lane))

    def issue(self, name: str, **about: Any) -> str:
        """Return a new key of an application."""
        return str(self.tk._sync.keys.issue("ada", name=name, **about).secret)

    def ask(self, line: str, body: Any, *fields: str, key: str = "") -> int:
        """Return the status of a request."""
        content = b"" if body is None else json.dumps(body).encode()
        head = [f"{line} HTTP/1.1", "Host: x", f"Authorization: Bearer {key or self.operator}", *fields]
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
        app, kind = create_app(self.served), protocol(self.served)
        answers, _ = self.loop.run_until_complete(talk(self.served, kind, app, ["\r\n".join(head).encode() + content]))
        return int(answers.split(b" ", 2)[1])


@pytest.fixture(params=[True, False], ids=["lane", "plain"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Give a server whose operator is known already."""
    loop = asyncio.new_event_loop()
    settings = Settings(tracing=True, flush_interval=Settings().session_life)
    tk = AsyncTokenry("sqlite://", keyring=fresh_keyring(), settings=settings)
    tk._sync.owners.put("ada")
    tk._sync.owners.put("ops", tenant="system", admin=True)
    operator = tk._sync.keys.issue("ops", tenant="system", name="ops", environment="op", scopes=OPERATOR_SCOPES).secret
    tk._sync.verify(operator)
    yield Server(loop, tk, str(operator), request.param)
    loop.run_until_complete(tk.close())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def of(trace: str) -> str:
    return f"traceparent: 00-{trace}-{SPAN}-01"


def named(spans: Spans) -> list[tuple[str, str | None, str | None]]:
    """Return the names of spans with the trace and the span of their parents."""
    found = []
    for span in spans.take():
        parent = span.parent
        found.append((span.name, parent and f"{parent.trace_id:032x}", parent and f"{parent.span_id:016x}"))
    return found


@pytest.mark.parametrize("limits", [[], [Limit("hour", 100, 3600)]], ids=["unlimited", "limited"])
def test_a_verification_that_misses_memory_is_one_span_and_the_next_is_none(
    server: Server, spans: Spans, limits: list[Limit]
) -> None:
    secret = server.issue("k", limits=limits)
    spans.exporter.clear()
    trace = "a" * 32
    assert server.ask("POST /v1/verify", {"credential": secret}, of(trace)) == 200
    assert named(spans) == [("tokenry verify", trace, SPAN)]
    if not limits:
        assert server.ask("POST /v1/verify", {"credential": secret}, of(trace)) == 200
        assert server.ask("GET /v1/auth", None, of(trace), key=secret) == 200
        assert named(spans) == []


def test_what_a_proxy_asks_belongs_to_its_trace(server: Server, spans: Spans) -> None:
    secret = server.issue("k")
    spans.exporter.clear()
    assert server.ask("GET /v1/auth", None, of("b" * 32), key=secret) == 200
    assert named(spans) == [("tokenry verify", "b" * 32, SPAN)]


def test_a_batch_is_a_span_for_each_miss(server: Server, spans: Spans) -> None:
    secrets = [server.issue(f"k{number}") for number in range(3)]
    server.tk._sync.verify(secrets[0])
    spans.exporter.clear()
    questions = [{"credential": secret} for secret in secrets]
    assert server.ask("POST /v1/verify/batch", {"questions": questions}, of("c" * 32)) == 200
    assert named(spans) == [("tokenry verify", "c" * 32, SPAN)] * 2


def test_a_change_belongs_to_the_trace_of_its_request(server: Server, spans: Spans) -> None:
    assert server.ask("POST /v1/keys", {"owner": "ada", "name": "k"}, of("d" * 32)) == 201
    assert named(spans) == [("tokenry key.issued", "d" * 32, SPAN)]
    assert server.ask("PUT /v1/owners/bob", {}, of("e" * 32)) == 200
    assert named(spans) == [("tokenry owner.created", "e" * 32, SPAN)]


def test_without_a_traceparent_or_with_a_malformed_one_a_span_begins_a_trace(server: Server, spans: Spans) -> None:
    for number, fields in enumerate(([], ["traceparent: 00-x"], [of("a" * 32), of("b" * 32)])):
        secret = server.issue(f"k{number}")
        spans.exporter.clear()
        assert server.ask("POST /v1/verify", {"credential": secret}, *fields) == 200
        assert server.ask(f"PUT /v1/owners/o{number}", {}, *fields) == 200
        assert named(spans) == [("tokenry verify", None, None), ("tokenry owner.created", None, None)]


def test_the_trace_of_one_request_ends_with_it(server: Server, spans: Spans) -> None:
    secrets = [server.issue(f"k{number}") for number in range(2)]
    spans.exporter.clear()
    server.ask("POST /v1/verify", {"credential": secrets[0]}, of("a" * 32))
    server.ask("POST /v1/verify", {"credential": secrets[1]})
    assert named(spans) == [("tokenry verify", "a" * 32, SPAN), ("tokenry verify", None, None)]
