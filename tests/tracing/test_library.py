"""Spans of the library: one for a change, one for a verification that has to ask the database, none from memory."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import create_engine

from tokenry import AsyncTokenry, Limit, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.types import ConfigError, Invalid, NotFound, StoreUnavailable

from .conftest import Spans

TRACED = Settings(background=False, tracing=True)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def tk(tmp_path: Path) -> Iterator[Tokenry]:
    """Give an instance that is traced, with one owner."""
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=dataclasses.replace(TRACED, exclusive=True)) as tk:
        tk.owners.put("ada")
        yield tk


def test_a_change_is_a_span_with_what_was_done(tk: Tokenry, spans: Spans) -> None:
    tk.keys.issue("ada", name="CI")
    assert spans.named() == [("tokenry key.issued", {"tokenry.actions": ("key.issued",), "tokenry.tenant": "default"})]
    tk.owners.delete("ada")
    ((name, attributes),) = spans.named()
    assert (name, set(attributes["tokenry.actions"])) == ("tokenry key.revoked", {"key.revoked", "owner.deleted"})


def test_many_keys_in_one_transaction_are_one_span(tk: Tokenry, spans: Spans) -> None:
    tk.keys.issue_many([{"owner": "ada", "name": name} for name in "abc"])
    assert [name for name, _ in spans.named()] == ["tokenry key.issued"]


def test_a_change_that_changes_nothing_is_a_span_without_an_action(tk: Tokenry, spans: Spans) -> None:
    tk.owners.put("ada")
    assert spans.named() == [("tokenry change", {"tokenry.tenant": "default"})]


def test_reading_is_no_span(tk: Tokenry, spans: Spans) -> None:
    tk.keys.list()
    tk.owners.get("ada")
    tk.audit.check()
    spans.exporter.clear()
    tk.keys.list()
    assert spans.named() == []


def test_a_refused_change_is_told_by_its_code_alone(tk: Tokenry, spans: Spans) -> None:
    with pytest.raises(NotFound):
        tk.keys.issue("nobody", name="k")
    (span,) = spans.take()
    assert (span.attributes, span.status.status_code) == ({"error.type": "not_found"}, StatusCode.UNSET)
    assert span.events == ()


def test_a_failed_change_is_an_error_without_its_text(
    tk: Tokenry, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*rows: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("tokenry.store.audit.AuditRows.insert", fail)
    with pytest.raises(RuntimeError):
        tk.owners.put("bob")
    (span,) = spans.take()
    assert (span.attributes, span.status.status_code) == ({"error.type": "RuntimeError"}, StatusCode.ERROR)
    assert "hunter2" not in span.to_json()


def test_the_first_verification_is_a_span_and_those_from_memory_are_none(tk: Tokenry, spans: Spans) -> None:
    secret = tk.keys.issue("ada", name="CI", scopes=["a"]).secret
    spans.exporter.clear()
    assert tk.verify(secret)
    assert spans.named() == [("tokenry verify", {"tokenry.code": "valid"})]
    for _ in range(3):
        assert tk.verify(secret, scopes="a")
        assert not tk.verify(secret, scopes="b")
    assert spans.named() == []


def test_a_text_that_is_no_key_is_no_span(tk: Tokenry, spans: Spans) -> None:
    tk.verify("x")  # the first one reads how keys of other systems look
    for text in ("", "x", "a.b.c", str(tk.keys.issue("ada", name="k").secret)[:-1] + "0"):
        spans.exporter.clear()
        assert not tk.verify(text)
        assert spans.named() == []


def test_an_unknown_key_is_a_span_with_its_code(tk: Tokenry, spans: Spans) -> None:
    issued = tk.keys.issue("ada", name="CI")
    tk.keys.delete(issued.key.id)
    spans.exporter.clear()
    assert tk.verify(issued.secret).code == "not_found"
    assert spans.named() == [("tokenry verify", {"tokenry.code": "not_found"})]


def test_a_verification_that_leases_is_one_span_and_those_within_the_lease_are_none(tk: Tokenry, spans: Spans) -> None:
    limits = [Limit("hour", 1_000_000, 3600)]
    secret = tk.keys.issue("ada", name="CI", limits=limits).secret
    spans.exporter.clear()
    counts = []
    for _ in range(50):
        assert tk.verify(secret)
        counts.append(len(spans.take()))
    assert (counts[0], set(counts)) == (1, {0, 1})
    assert counts.count(0) > counts.count(1)


def test_a_lookup_that_fails_is_an_error(tk: Tokenry, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tk.keys.issue("ada", name="CI").secret
    spans.exporter.clear()

    def fail(kid: str) -> None:
        raise StoreUnavailable("hunter2")

    monkeypatch.setattr(tk._database, "find", fail)
    with pytest.raises(StoreUnavailable):
        tk.verify(secret)
    (span,) = spans.take()
    assert (span.attributes, span.status.status_code) == ({"error.type": "store_unavailable"}, StatusCode.ERROR)
    assert "hunter2" not in span.to_json()


def test_a_malformed_question_is_no_span(tk: Tokenry, spans: Spans) -> None:
    with pytest.raises(Invalid):
        tk.verify("x", cost=-1)
    assert spans.named() == []


def test_spans_belong_to_the_span_of_the_host(tk: Tokenry, spans: Spans) -> None:
    with trace.get_tracer("host").start_as_current_span("request") as host:
        issued = tk.scoped(traceparent=TRACEPARENT).keys.issue("ada", name="CI")
        tk.verify(issued.secret)
    change, miss, _ = spans.take()
    within = host.get_span_context()
    assert [span.parent.span_id if span.parent else None for span in (change, miss)] == [within.span_id] * 2
    assert [span.kind for span in (change, miss)] == [SpanKind.INTERNAL] * 2


def test_an_entry_names_the_trace_of_its_span(tk: Tokenry, spans: Spans) -> None:
    with trace.get_tracer("host").start_as_current_span("request") as host:
        tk.owners.put("bob")
    trace_id = trace.format_trace_id(host.get_span_context().trace_id)
    assert tk.audit.list(subject="bob").items[0].trace_id == trace_id
    tk.owners.put("eve")
    change = spans.take()[-1]
    assert tk.audit.list(subject="eve").items[0].trace_id == trace.format_trace_id(change.context.trace_id)


def test_a_change_without_a_host_s_span_belongs_to_the_trace_of_its_request(tk: Tokenry, spans: Spans) -> None:
    tk.scoped(traceparent=TRACEPARENT).owners.put("bob")
    (span,) = spans.take()
    assert span.parent is not None
    assert (span.parent.trace_id, span.parent.span_id, span.parent.is_remote) == (int(TRACE, 16), int(SPAN, 16), True)
    assert tk.audit.list(subject="bob").items[0].trace_id == TRACE
    tk.scoped(traceparent="malformed").owners.put("eve")
    (span,) = spans.take()
    assert span.parent is None


def test_what_the_caller_does_not_record_is_not_recorded(tk: Tokenry, spans: Spans) -> None:
    tk.scoped(traceparent=TRACEPARENT[:-1] + "0").owners.put("bob")
    assert spans.take() == []
    assert tk.audit.list(subject="bob").items[0].trace_id == TRACE


def test_the_first_signing_keys_of_a_tenant_are_a_span(tk: Tokenry, spans: Spans) -> None:
    tk.tenants.create("acme")
    spans.exporter.clear()
    tk.jwks(tenant="acme")
    tk.jwks(tenant="acme")
    actions = ("signing_key.created", "signing_key.activated")
    assert spans.named() == [(f"tokenry {actions[0]}", {"tokenry.actions": actions, "tokenry.tenant": "acme"})]


def test_sessions_are_refreshed_in_a_span(tk: Tokenry, spans: Spans) -> None:
    started = tk.sessions.start("ada")
    spans.exporter.clear()
    tk.sessions.refresh(started.refresh)
    assert [name for name, _ in spans.named()] == ["tokenry session.refreshed"]


def test_no_span_holds_a_secret_or_an_owner(tk: Tokenry, spans: Spans) -> None:
    owner = "ada@example.com"  # a short name may stand in a random id
    tk.owners.put(owner)
    issued = tk.keys.issue(owner, name="hunter2")
    started = tk.sessions.start(owner)
    for text in (str(issued.secret), str(started.access), str(started.refresh)):
        tk.verify(text)
    tk.keys.rotate(issued.key.id, grace=timedelta(0))
    text = "".join(span.to_json() for span in spans.take())
    hidden = (owner, "hunter2", *map(str, (issued.secret, started.access, started.refresh)))
    assert [one for one in hidden if one in text] == []


@pytest.mark.parametrize("kind", ["file", "async engine"])
def test_awaited_calls_are_traced_alike(kind: str, tmp_path: Path, spans: Spans) -> None:
    async def work() -> None:
        url = f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}"
        about: dict[str, Any] = {"settings": TRACED, "keyring": fresh_keyring()}
        engine = None
        if kind == "file":
            tk = AsyncTokenry(url.replace("+aiosqlite", ""), **about)
        else:
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine(url)
            tk = AsyncTokenry(engine=engine, **about)
            await tk.migrate()
        async with tk:
            with trace.get_tracer("host").start_as_current_span("request"):
                await tk.owners.put("ada")
                secret = (await tk.keys.issue("ada", name="CI")).secret
                for _ in range(3):
                    assert await tk.verify(secret)
        if engine is not None:
            await engine.dispose()

    asyncio.run(work())
    found = spans.take()
    *ours, host = [span for span in found if span.parent or span.name == "request"]
    assert [span.name for span in ours] == ["tokenry owner.created", "tokenry key.issued", "tokenry verify"]
    assert {span.parent.span_id for span in ours if span.parent} == {host.context.span_id}


def test_on_a_host_s_engine_and_inside_its_transaction(tmp_path: Path, spans: Spans) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'keys.db'}")
    with Tokenry(engine=engine, keyring=fresh_keyring(), settings=TRACED) as tk:
        tk.migrate()
        with engine.begin() as connection, tk.using(connection) as joined:
            joined.owners.put("ada")
        assert [name for name, _ in spans.named()] == ["tokenry owner.created"]
    engine.dispose()


def test_without_the_setting_there_is_no_span(spans: Spans) -> None:
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        assert tk.verify(tk.keys.issue("ada", name="CI").secret)
    assert spans.take() == []


def run(source: str) -> None:
    subprocess.run([sys.executable, "-c", textwrap.dedent(source)], check=True, timeout=120)


def test_without_the_setting_nothing_of_opentelemetry_is_imported() -> None:
    run(
        """
        import sys
        from tokenry import Settings, Tokenry
        from tokenry.client import Client
        with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
            tk.owners.put("ada")
            tk.verify(tk.keys.issue("ada", name="CI").secret)
        Client("http://127.0.0.1:1", "k").close()
        assert not [name for name in sys.modules if name.startswith("opentelemetry")]
        """
    )


def test_without_the_package_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'tokenry\[otel\]'"):
        Tokenry("sqlite://", settings=TRACED)
