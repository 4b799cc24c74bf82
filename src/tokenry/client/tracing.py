"""How the requests of a client name the trace that they belong to."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..config import yes_or_no
from ..core.errors import ConfigError, shown
from ..core.trace import read_trace
from ..runtime.tracing import OpenTelemetrySpans, Outgoing

if TYPE_CHECKING:
    from .wire import Sending


class Tracing:
    """Opens a span for each request, if `is_on`; else sends on the `traceparent` that the client was given."""

    def __init__(self, is_on: bool, server: str) -> None:
        self._spans = OpenTelemetrySpans() if is_on else None
        parts = urlsplit(server)
        self._server = (parts.hostname or "", parts.port)

    def sent(self, sending: Sending, traceparent: str | None) -> AbstractContextManager[Outgoing]:
        """Open a block in which a request is sent with the `headers` of what this yields."""
        trace = read_trace(traceparent)
        if self._spans is not None:
            return self._spans.request(sending.method, sending.route or sending.path, self._server, trace)
        return nullcontext(Outgoing({"traceparent": str(traceparent)} if trace is not None else {}))


def is_on(asked: bool | None, setting: str | None) -> bool:
    """Tell whether spans are asked for, else whether `TOKENRY_TRACING` asks for them; raise ConfigError."""
    if asked is not None or not setting:
        return bool(asked)
    try:
        return yes_or_no(setting)
    except KeyError:
        raise ConfigError(f"tracing must be true or false, not {shown(setting)}") from None
