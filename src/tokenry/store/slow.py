"""Statements that take long, whoever runs them: SQLAlchemy, or a raw connection of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Engine, event

Tell: TypeAlias = Callable[[str, float], None]
"""What is told: the text of a statement, which holds no value, and how many seconds it took."""

raw_listeners: list[Tell] = []
"""Who hears how long the statements on raw connections take."""


@contextmanager
def slow_statements(least: float, tell: Tell, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    """Tell of every statement of this process that takes `least` seconds or more."""

    def heard(statement: str, seconds: float) -> None:
        if seconds >= least:
            tell(" ".join(statement.split())[:2000], seconds)

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        connection.info["tokenry_began"] = clock()

    def after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        heard(statement, clock() - connection.info.pop("tokenry_began", clock()))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    raw_listeners.append(heard)
    try:
        yield
    finally:
        raw_listeners.remove(heard)
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


@contextmanager
def timed(statement: str) -> Iterator[None]:
    """Say how long a statement on a raw connection takes. The clock of the process counts."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - began
        for heard in list(raw_listeners):
            heard(statement, seconds)
