"""The server's logs: one line per event, whatever its fields hold, and no credential in any line."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from tokenry.edge import HIDDEN, Trace

from .redaction import redacted
from .settings import ServerSettings

REQUEST_ID: ContextVar[str] = ContextVar("tokenry_request_id", default="")
"""The id of the request that this code runs for; threads that work for a request inherit it."""

TRACE_ID: ContextVar[str] = ContextVar("tokenry_trace_id", default="")
"""The trace that the request belongs to, in hexadecimal."""


def begin_request(request_id: str, trace: Trace | None) -> None:
    """Add the id of the current request to every line that is logged from here on."""
    REQUEST_ID.set(request_id)
    TRACE_ID.set(trace.trace_id if trace is not None else "")


_FIELD_MAX, _ITEMS_MAX, _DEPTH_MAX, _INTEGER_MAX = 2048, 100, 5, 2**53
_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|credential|api.?key|api.?token|keyring|presented", re.I
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(0x80, 0xA0), 0x2028, 0x2029)}


def plain(value: object, depth: int = 0) -> Any:
    """Return a value as JSON can hold it, without credentials, cut to a few kilobytes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INTEGER_MAX <= value <= _INTEGER_MAX else _redacted(hex(value))
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has neither infinities nor NaN
    if isinstance(value, str):
        return _redacted(value)
    if depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            items = list(value.items())[:_ITEMS_MAX]
            return {_named(key): HIDDEN if _NAMES.search(str(key)) else plain(one, depth + 1) for key, one in items}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(one, depth + 1) for one in list(value)[:_ITEMS_MAX]]
    try:
        return _redacted(repr(value))
    except Exception as error:  # a value must not make its log line fail
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _named(key: object) -> str:
    return _redacted(str(key))


_CUT_KEY = re.compile(r"_[0-9][0-9A-Za-z]+\Z")  # half a key, cut by a limit: no other pattern finds it


def _redacted(text: str) -> str:
    if len(text) <= _FIELD_MAX:
        return redacted(text)
    cut = _CUT_KEY.sub(HIDDEN, redacted(text[:_FIELD_MAX]))
    return f"{cut}… ({len(text)} characters)"


class Logger:
    """Logs events with fields, which are redacted before any handler of `logging` sees them."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, /, **fields: object) -> None:
        """Log an event."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log a warning."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log a failure."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """Log a failure with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, {**fields, "exception": traceback.format_exc().rstrip()})

    def _log(self, level: int, event: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, _redacted(event), extra={"fields": plain(fields)})


log = Logger("tokenry.server")


class _Lines(logging.Formatter):
    """Writes one line for each record: ours, the engine's, and those of libraries."""

    def __init__(self, write: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. No field can replace the time, the level or the logger."""
        result = getattr(record, "fields", None)
        fields = dict(result) if isinstance(result, Mapping) else {}
        event = fields.pop("event", None) or record.getMessage()
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        for name, value in (("request_id", REQUEST_ID.get()), ("trace_id", TRACE_ID.get())):
            if value:
                fields.setdefault(name, value)
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        values = {"at": at, "level": record.levelname.lower(), "logger": record.name, "event": event}
        return self._write(plain(values | {name: one for name, one in fields.items() if name not in values}))


def _as_json(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _as_text(values: dict[str, Any]) -> str:
    at, level, what, where = (values.pop(name, "") for name in ("at", "level", "event", "logger"))
    failure = values.pop("exception", None)
    message = " ".join(f"{name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in values.items())
    line = f"{at} {level:<7} {where}: {what} {message}".translate(_CONTROLS).rstrip()
    return f"{line}\n{failure}" if failure else line


def configure(settings: ServerSettings, stream: TextIO | None = None) -> None:
    """Send the records of `logging` (ours, uvicorn's and other libraries') to stderr in one form."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines(_as_json if settings.log_format == "json" else _as_text))
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # debug lines of libraries would show more than we can redact
    logging.getLogger("tokenry").setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
