"""Spans of OpenTelemetry. It is imported when an instance is opened with `tracing`, and never otherwise."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokenry.core.errors import ConfigError, StoreUnavailable, TokenryError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from tokenry.core.trace import Trace

_NAME = "tokenry"


class OpenTelemetrySpans:
    """Opens spans with the tracer provider that the application has set up."""

    def __init__(self) -> None:
        """Raise ConfigError when OpenTelemetry is not installed."""
        try:
            from opentelemetry import context, trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise ConfigError("tracing needs one package more: pip install 'tokenry[otel]'") from None
        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        # It follows a provider that is set later.
        self._tracer = trace.get_tracer(_NAME)

    def trace_id(self) -> str | None:
        """Return the trace that this code runs in."""
        found = self._trace.get_current_span().get_span_context()
        return self._trace.format_trace_id(found.trace_id) if found.is_valid else None

    @contextmanager
    def change(self, trace: Trace | None) -> Iterator[_Change]:
        """Open the span of a change; `trace` is that of its request, where no other span is open."""
        with self._opened("tokenry change", self._parent(trace)) as span:
            yield _Change(span)

    def miss(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Return the same steps of a verification with a span around them from their first wish on.

        Steps that end without a wish were answered from memory, and steps that are closed are begun anew by whoever
        closed them: neither leaves a span.
        """
        try:
            wish = next(steps)
        except StopIteration as end:
            return end.value
        span = self._tracer.start_span("tokenry verify")
        try:
            while True:
                try:
                    answer = yield wish
                except Exception as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(answer)
        except StopIteration as end:
            span.set_attribute("tokenry.code", end.value.code)
            span.end()
            return end.value
        except Exception as error:
            self._fail(span, error)
            span.end()
            raise
        finally:
            steps.close()

    @contextmanager
    def within(self, trace: Trace | None) -> Iterator[None]:
        """Let all spans that are opened in a block belong to the trace of a request."""
        parent = self._parent(trace)
        if parent is None:
            yield
            return
        token = self._context.attach(parent)
        try:
            yield
        finally:
            self._context.detach(token)

    @contextmanager
    def request(
        self, method: str, route: str, server: tuple[str, int | None], trace: Trace | None
    ) -> Iterator[Outgoing]:
        """Open the span of a request that a client sends; `trace` is what it belongs to where no span is open."""
        values: dict[str, Any] = {"http.request.method": method, "url.template": route, "server.address": server[0]}
        if server[1] is not None:
            values["server.port"] = server[1]
        about: dict[str, Any] = {"kind": self._trace.SpanKind.CLIENT, "attributes": values}
        with self._opened(f"{method} {route}", self._parent(trace), **about) as span:
            headers: dict[str, str] = {}
            self._propagator.inject(headers)
            outgoing = Outgoing(headers)
            yield outgoing
            if outgoing.status:
                span.set_attribute("http.response.status_code", outgoing.status)
            if outgoing.failure or outgoing.status >= 400:
                span.set_attribute("error.type", outgoing.failure or str(outgoing.status))
                span.set_status(self._trace.StatusCode.ERROR)

    def _parent(self, trace: Trace | None) -> Context | None:
        """Return the context of a request's trace; None where a span is open, or the request names no trace."""
        if trace is None or self._trace.get_current_span().get_span_context().is_valid:
            return None
        flags = self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED if trace.is_sampled else 0)
        caller = self._trace.SpanContext(int(trace.trace_id, 16), int(trace.span_id, 16), True, flags)
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(caller))

    @contextmanager
    def _opened(self, name: str, parent: Context | None, **about: Any) -> Iterator[Span]:
        about |= {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, parent, **about) as span:
            try:
                yield span
            except Exception as error:
                self._fail(span, error)
                raise

    def _fail(self, span: Span, error: Exception) -> None:
        """Say that something was raised, by its code alone: texts of drivers may hold what nobody may see.

        A refusal is no failure.
        """
        is_refusal = isinstance(error, TokenryError) and not isinstance(error, StoreUnavailable)
        span.set_attribute("error.type", error.code if isinstance(error, TokenryError) else type(error).__name__)
        if not is_refusal:
            span.set_status(self._trace.StatusCode.ERROR)


class Outgoing:
    """A request that is sent: the header fields that name its trace, and its outcome."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.status = 0
        self.failure = ""

    def answered(self, status: int, failure: str) -> None:
        """Take the status of the answer, or the name of the error when there is none."""
        self.status, self.failure = status, failure


class _Change:
    """The span of a change."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def done(self, *all_done: Any) -> None:
        """Record the changed tenants and actions, and name the span after the first action."""
        actions = list(dict.fromkeys(action for done in all_done for action in done.actions))
        tenants = {done.tenant for done in all_done}
        if actions:
            self._span.update_name(f"tokenry {actions[0]}")
            self._span.set_attribute("tokenry.actions", actions)
        if len(tenants) == 1:
            self._span.set_attribute("tokenry.tenant", tenants.pop())
