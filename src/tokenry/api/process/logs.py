"""The server's logs: one line per event whatever its fields hold, and no credential in any of them."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import structlog

from tokenry.edge import HIDDEN, Trace

from .redaction import redacted
from .settings import ServerSettings

REQUEST_ID: ContextVar[str] = ContextVar("tokenry_request_id", default="")
"""The id of the request that this code runs for; threads that work for a request inherit it."""

TRACE_ID: ContextVar[str] = ContextVar("tokenry_trace_id", default="")
"""The trace that the request belongs to, in hexadecimal."""


def begin_request(request_id: str, trace: Trace | None) -> None:
    """Name the request that this code runs for in every line that is logged from here on."""
    REQUEST_ID.set(request_id)
    TRACE_ID.set(trace.trace_id if trace is not None else "")


_FIELD_MAX, _ITEMS_MAX, _DEPTH_MAX, _INTEGER_MAX = 8192, 100, 5, 2**53
_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|credential|api.?key|api.?token|keyring|presented", re.I
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029)}
log = structlog.stdlib.get_logger("tokenry.server")
_access = structlog.stdlib.get_logger("tokenry.access")


def plain(value: object, depth: int = 0) -> Any:
    """Return what JSON can say of a value, without credentials, and never more than a few kilobytes of it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INTEGER_MAX <= value <= _INTEGER_MAX else _said(hex(value))
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has neither infinities nor NaN
    if isinstance(value, str):
        return _said(value)
    if depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            items = list(value.items())[:_ITEMS_MAX]
            return {_named(key): HIDDEN if _NAMES.search(str(key)) else plain(one, depth + 1) for key, one in items}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(one, depth + 1) for one in list(value)[:_ITEMS_MAX]]
    try:
        return _said(repr(value))
    except Exception as error:  # a log line must not fail for what it tells of
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _named(key: object) -> str:
    return _said(str(key))


_CUT_KEY = re.compile(r"_[0-9][0-9A-Za-z]+\Z")  # of a key that a limit cuts in two the first half is none to others


def _said(text: str) -> str:
    if len(text) <= _FIELD_MAX:
        return redacted(text)
    cut = _CUT_KEY.sub(HIDDEN, redacted(text[:_FIELD_MAX]))
    return f"{cut}… ({len(text)} characters)"


def _with_fields(logger: object, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show the event and the fields of a record of the engine that has them apart from its message."""
    told = getattr(fields.get("_record"), "fields", None)
    if isinstance(told, Mapping):
        fields.update(told)
    return fields


def _with_request(logger: object, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in (("request_id", REQUEST_ID.get()), ("trace_id", TRACE_ID.get())):
        if value:
            fields.setdefault(name, value)
    return fields


def _harmless(logger: object, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make fields harmless before anybody else who listens to `logging` sees them."""
    said: dict[str, Any] = plain(fields)
    return said


def _as_json(logger: object, method: str, fields: MutableMapping[str, Any]) -> str:
    return json.dumps(plain(_ours_aside(fields)), separators=(",", ":"))


def _as_text(logger: object, method: str, fields: MutableMapping[str, Any]) -> str:
    said = plain(_ours_aside(fields))
    at, level, what, where = (said.pop(name, "") for name in ("at", "level", "event", "logger"))
    failure = said.pop("exception", None)
    told = " ".join(f"{name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in said.items())
    line = f"{at} {level:<7} {where}: {what} {told}".translate(_CONTROLS).rstrip()
    return f"{line}\n{failure}" if failure else line


def _ours_aside(fields: MutableMapping[str, Any]) -> dict[str, Any]:
    first = {name: fields[name] for name in ("at", "level", "logger", "event") if name in fields}
    return first | {name: value for name, value in fields.items() if not str(name).startswith("_")}


def configure(settings: ServerSettings, stream: TextIO | None = None) -> None:
    """Send what structlog and `logging` are told, ours and uvicorn's, to stderr in one form."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _with_request,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            _harmless,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _with_fields],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _as_json if settings.log_format == "json" else _as_text,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries; debugging them would show more than we can hide
    logging.getLogger("tokenry").setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)


_LINES_MAX = 200


class AccessLog:
    """Says a share of the requests, evenly, and every one that failed on our side.

    A line costs ten times what a verification does. So of a share, not of all, at most 200 lines are said in a second.
    """

    __slots__ = ("_count", "_credit", "_second", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._credit = 0.0
        self._second = self._count = 0

    def is_due(self, status: int) -> bool:
        """Count a request, and return whether it is its turn to be told."""
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
        """Count a request, and tell it when it is its turn."""
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
        """Tell a request; without `seconds` nobody has measured how long it took."""
        took: dict[str, Any] = {} if seconds is None else {"ms": round(seconds * 1000, 3)}
        if trace is not None:
            took["trace_id"] = trace.trace_id
        path = redacted(path)[:256]  # in this order: of a credential that is cut in two the first half is none
        _access.info("request", method=method, path=path, status=status, **took, request_id=request_id, client=client)
