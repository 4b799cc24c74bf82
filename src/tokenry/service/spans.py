"""The tracing interface of the use cases. By default nothing is traced."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokenry.core.trace import Trace

    from .context import Done


class Span(Protocol):
    """One change, timed."""

    def done(self, *all_done: Done) -> None:
        """Record the changes of this span, once they are committed."""


class Spans(Protocol):
    """Where spans come from. A span never holds a credential, an id of an owner, or the text of an error."""

    def trace_id(self) -> str | None:
        """Return the trace that this code runs in."""

    def change(self, trace: Trace | None) -> AbstractContextManager[Span]:
        """Open the span of a change; `trace` is that of its request, where no other span is open."""

    def miss(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Return the same steps of a verification with a span around them from their first wish on."""

    def within(self, trace: Trace | None) -> AbstractContextManager[object]:
        """Let all spans that are opened in a block belong to the trace of a request."""


class NoSpan:
    """No span."""

    def done(self, *all_done: Done) -> None:
        """Say nothing."""


_NO_SPAN = nullcontext(NoSpan())


class NoSpans:
    """No tracing system."""

    def trace_id(self) -> str | None:
        """Return None."""
        return None

    def change(self, trace: Trace | None) -> AbstractContextManager[Span]:
        """Open nothing."""
        return _NO_SPAN

    def miss(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Return the steps."""
        return steps

    def within(self, trace: Trace | None) -> AbstractContextManager[object]:
        """Open nothing."""
        return _NO_SPAN
