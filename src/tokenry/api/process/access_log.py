"""The access log: a share of the requests, one line each."""

from __future__ import annotations

import time
from typing import Any, Final

from tokenry.edge import Trace

from .logs import Logger
from .redaction import redacted

_log = Logger("tokenry.access")
_LINES_MAX: Final = 200


class AccessLog:
    """Logs an even share of the requests, and every request with a server error.

    A line costs ten times as much as a verification. So with a share below 1, at most 200 lines are logged per second.
    """

    __slots__ = ("_count", "_credit", "_second", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._credit = 0.0
        self._second = self._count = 0

    def is_due(self, status: int) -> bool:
        """Count a request, and return whether to log it."""
        self._credit += self._share
        if self._credit < 1.0:
            return status >= 500
        self._credit -= 1.0
        return status >= 500 or self._share == 1.0 or self._has_room()

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= _LINES_MAX

    def __call__(self, method: str, path: str, status: int, seconds: float, request_id: str, client: str) -> None:
        """Count a request, and log it if it is in the share."""
        if self.is_due(status):
            self.tell(method, path, status, seconds, request_id, client)

    def tell(
        self,
        method: str,
        path: str,
        status: int,
        seconds: float | None,
        request_id: str,
        client: str,
        trace: Trace | None = None,
    ) -> None:
        """Log a request; `seconds` is None if its time was not measured."""
        took: dict[str, Any] = {} if seconds is None else {"ms": round(seconds * 1000, 3)}
        if trace is not None:
            took["trace_id"] = trace.trace_id
        path = redacted(path)[:256]  # in this order: half a credential is not redacted
        _log.info("request", method=method, path=path, status=status, **took, request_id=request_id, client=client)
