"""Statements that take long are logged, with the time they took and without their parameters."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

_log = logging.getLogger("tokenry.statements")
_BEGAN = "tokenry_began"
_SHOWN = 2000


class SlowStatements:
    """Logs each statement that takes `limit_ms` or longer until its first row; 0 logs none."""

    def __init__(self, limit_ms: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._limit = limit_ms / 1000
        self._clock = clock

    def watch(self, engine: Engine) -> None:
        """Watch what is executed on an engine. Engines that share its pool are not watched."""
        if not self._limit:
            return
        clock, ended = self._clock, self._ended

        def before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            connection.info[_BEGAN] = clock()

        def after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            began = connection.info.pop(_BEGAN, None)
            if began is not None:
                ended(statement, began)

        event.listen(engine, "before_cursor_execute", before)
        event.listen(engine, "after_cursor_execute", after)

    def connection_class(self) -> type[sqlite3.Connection]:
        """Return a class of SQLite connections that are watched."""
        if not self._limit:
            return sqlite3.Connection
        clock, ended = self._clock, self._ended

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
                began = clock()
                super().execute(sql, parameters)
                ended(sql, began)
                return self

            def executemany(self, sql: str, parameters: Any, /) -> Cursor:
                began = clock()
                super().executemany(sql, parameters)
                ended(sql, began)
                return self

        class Watched(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                began = clock()
                found = super().execute(sql, parameters)
                ended(sql, began)
                return found

            def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
                began = clock()
                found = super().executemany(sql, parameters)
                ended(sql, began)
                return found

        return Watched

    def _ended(self, statement: str, began: float) -> None:
        seconds = self._clock() - began
        if seconds < self._limit:
            return
        values = {
            "event": "slow statement",
            "ms": round(seconds * 1000),
            "statement": " ".join(statement.split())[:_SHOWN],
        }
        _log.warning("%(event)s ms=%(ms)d statement=%(statement)s", values, extra={"fields": values})
