"""The real SDK of OpenTelemetry, whose spans stay in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def take(self) -> list[ReadableSpan]:
        """Return the spans that ended since the last call, the first one first."""
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found

    def named(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return their names and attributes."""
        return [(span.name, dict(span.attributes or {})) for span in self.take()]


_spans = Spans()
_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(_spans.exporter))


@pytest.fixture(scope="session", autouse=True)
def provider() -> None:
    """Set the provider up, which a process can do once."""
    trace.set_tracer_provider(_provider)


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Give the spans of one test."""
    _spans.exporter.clear()
    yield _spans
    _spans.exporter.clear()
