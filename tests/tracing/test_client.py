"""Requests of the client are spans, and name their trace to the server."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import SpanKind, StatusCode

from tests.client.conftest import Scripted, scripted  # noqa: F401
from tokenry.client import AsyncClient, Client
from tokenry.core.trace import read_trace
from tokenry.types import ConfigError, NotFound, StoreUnavailable

from .conftest import Spans

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
PAGE = b'{"items": [], "next_cursor": null}'


def sent(server: Scripted) -> list[str | None]:
    """Return the `traceparent` of each request."""
    found = [{name.lower(): value for name, value in headers.items()} for _, _, headers, _ in server.asked]
    assert [headers for headers in found if "baggage" in headers] == []
    return [headers.get("traceparent") for headers in found]


def test_a_request_is_a_span_that_the_server_is_told_of(scripted: Scripted, spans: Spans) -> None:  # noqa: F811
    scripted.answers = [(200, {}, PAGE)]
    opened = trace.get_tracer("host").start_as_current_span("request")
    with Client(scripted.url, "hunter2", tracing=True) as client, opened as host:
        token = context.attach(baggage.set_baggage("user", "ada"))
        client.keys.list(text="hunter2")
        context.detach(token)
    span, _ = spans.take()
    port = int(scripted.url.rpartition(":")[2])
    assert (span.name, span.kind, span.parent) == ("GET /v1/keys", SpanKind.CLIENT, host.get_span_context())
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "url.template": "/v1/keys",
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
    }
    (field,) = sent(scripted)
    assert read_trace(field) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", True)
    assert "hunter2" not in span.to_json()


def test_every_attempt_is_a_span_and_no_id_is_in_it(scripted: Scripted, spans: Spans) -> None:  # noqa: F811
    scripted.answers = [(0, {}, b""), (503, {"Retry-After": "0"}, b"{}"), (404, {}, b"{}")]
    with Client(scripted.url, "k", tracing=True) as client, pytest.raises(NotFound):
        client.owners.get("nobody-at-all")
    found = spans.take()
    assert [span.name for span in found] == ["GET /v1/owners/{external_id}"] * 3
    assert [span.status.status_code for span in found] == [StatusCode.ERROR] * 3
    assert [dict(span.attributes or {})["error.type"] for span in found] == ["RemoteProtocolError", "503", "404"]
    assert len(set(sent(scripted))) == 3
    assert "nobody-at-all" not in "".join(span.to_json() for span in found)


def test_a_server_that_cannot_be_reached_is_an_error(spans: Spans) -> None:
    with Client("http://127.0.0.1:1", "k", tracing=True, retries=0) as client, pytest.raises(StoreUnavailable):
        client.verify("x")
    (span,) = spans.take()
    assert (span.name, span.status.status_code) == ("POST /v1/verify", StatusCode.ERROR)
    assert dict(span.attributes or {})["error.type"] == "ConnectError"


def test_awaited_requests_are_spans_of_their_own_tasks(scripted: Scripted, spans: Spans) -> None:  # noqa: F811
    scripted.answers = [(200, {}, PAGE)] * 4

    async def one(client: AsyncClient, name: str) -> None:
        with trace.get_tracer("host").start_as_current_span(name):
            await client.keys.list()
            await client.roles.list()

    async def work() -> None:
        async with AsyncClient(scripted.url, "k", tracing=True) as client:
            await asyncio.gather(one(client, "first"), one(client, "second"))

    asyncio.run(work())
    found = spans.take()
    hosts = {span.context.span_id: span.name for span in found if span.parent is None}
    requests = [(hosts[span.parent.span_id], span.name) for span in found if span.parent is not None]
    assert sorted(requests) == [(host, f"GET /v1/{noun}") for host in ("first", "second") for noun in ("keys", "roles")]
    assert len(set(sent(scripted))) == 4


def test_a_remembered_verdict_is_no_span(scripted: Scripted, spans: Spans) -> None:  # noqa: F811
    with Client(scripted.url, "k", tracing=True) as client:
        assert not client.verify("x", offline=True)
    assert spans.take() == []


@pytest.mark.parametrize("traced", [False, True])
def test_the_trace_of_the_caller_is_sent_on(scripted: Scripted, spans: Spans, traced: bool) -> None:  # noqa: F811
    scripted.answers = [(200, {}, PAGE)] * 3
    with Client(scripted.url, "k", tenant="acme", tracing=traced) as client:
        there = client.scoped(traceparent=TRACEPARENT)
        there.keys.list()
        client.scoped(traceparent="malformed").keys.list()
        client.keys.list()
    first, *others = sent(scripted)
    assert str(first)[:36] == TRACEPARENT[:36]
    assert (first == TRACEPARENT) is not traced
    assert [other for other in others if other is not None and TRACE in other] == []
    assert [other is None for other in others] == [not traced] * 2
    assert [path for _, path, _, _ in scripted.asked] == ["/v1/keys?tenant=acme"] * 3


def test_the_awaited_client_sends_it_on_too(scripted: Scripted) -> None:  # noqa: F811
    scripted.answers = [(200, {}, PAGE)]

    async def work() -> None:
        async with AsyncClient(scripted.url, "k") as client:
            await client.scoped(traceparent=TRACEPARENT).keys.list()

    asyncio.run(work())
    assert sent(scripted) == [TRACEPARENT]


@pytest.mark.parametrize(
    ("asked", "variable", "count"),
    [(None, "true", 1), (None, "off", 0), (False, "true", 0), (True, "", 1), (None, "", 0)],
)
def test_the_environment_switches_it_on(
    scripted: Scripted,  # noqa: F811
    spans: Spans,
    monkeypatch: pytest.MonkeyPatch,
    asked: bool | None,
    variable: str,
    count: int,
) -> None:
    monkeypatch.setenv("TOKENRY_TRACING", variable)
    scripted.answers = [(200, {}, PAGE)]
    with Client(scripted.url, "k", tracing=asked) as client:
        client.keys.list()
    assert len(spans.take()) == count


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENRY_TRACING", "perhaps")
    with pytest.raises(ConfigError, match="tracing must be true or false, not 'perhaps'"):
        Client("http://127.0.0.1:1", "k")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    about: dict[str, Any] = {"tracing": True}
    with pytest.raises(ConfigError, match=r"pip install 'tokenry\[otel\]'"):
        Client("http://127.0.0.1:1", "k", **about)
