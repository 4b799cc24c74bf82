"""Requests of the lane that wait for lookups, in no task of their own.

A task for each request, and a future for each of its lookups, cost more than the lookups. Here the rest of a request
runs when the row it waits for is there; only what is no lookup, such as the lease of a limit, gets a task.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..process.logs import begin_request
from .request import Answer, Request, Wish

if TYPE_CHECKING:
    from tokenry.edge import Lookup
    from tokenry.types import Verdict

    from .lane import LaneProtocol, Turn


class Waiting:
    """One request. uvicorn knows it as a task: it waits for its end, and cancels it when its time is over."""

    __slots__ = ("_ahead", "_asked", "_connection", "_is_over", "_keep", "_route", "_turn")

    def __init__(self, connection: LaneProtocol, route: str, asked: Request, turn: Turn, *, keep: bool) -> None:
        self._connection = connection
        self._route = route
        self._asked = asked
        self._turn = turn
        self._keep = keep
        self._ahead: Lookup | None = None
        self._is_over = False
        connection.tasks.add(self)  # type: ignore[arg-type]

    def wait_for(self, wishes: list[Wish]) -> None:
        """Wait for one wish. Several, as of a batch, are left to a task."""
        asked, connection = self._asked, self._connection
        if len(wishes) != 1:
            self._leave()
            connection.wait_in_task(asked, wishes, self._turn, keep=self._keep)
            return
        engine, ahead = connection.served.engine, self._ahead
        self._ahead = engine.look_ahead(asked.ahead) if asked.ahead else None
        asked.ahead = ""
        engine.pursue(*wishes[0], self._go_on, ahead)

    def cancel(self, msg: Any = None) -> None:
        """End soon. uvicorn walks its set of tasks now, which must not change under it."""
        self._connection.loop.call_soon(self._cancelled)

    def _cancelled(self) -> None:
        if not self._is_over:
            failing = self._connection.served.hot.failing
            self._end(failing(self._route, asyncio.CancelledError(), self._asked))

    def _go_on(self, verdict: Verdict | None, error: Exception | None) -> None:
        if self._is_over:
            return
        asked, hot = self._asked, self._connection.served.hot
        begin_request(asked.request_id.decode(), asked.trace)
        if error is not None:
            self._end(hot.failing(self._route, error, asked))
        else:
            step = hot.answer(self._route, asked, [verdict])  # type: ignore[list-item]
            if isinstance(step, tuple):
                self._end(step)
            else:
                self.wait_for(step)
        begin_request("", None)  # whoever goes on next in this batch is another request

    def _end(self, answer: Answer) -> None:
        self._leave()
        self._connection.finish(answer, self._asked, self._turn, keep=self._keep)

    def _leave(self) -> None:
        self._is_over = True
        self._connection.tasks.discard(self)
