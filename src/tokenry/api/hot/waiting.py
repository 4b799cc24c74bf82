"""Requests of the lane that wait for a lookup or for a lease, in no task of their own.

A task for each request, and a future for each of its lookups, cost more than the lookups. Here a request continues
when its row has been read, or when its key has units again. Every other wait gets a task.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..process.logs import begin_request
from ..routes import AUTH, VERIFY
from .request import Answer, Request, Wish

if TYPE_CHECKING:
    from tokenry.edge import Lookup
    from tokenry.types import Verdict

    from .lane import LaneProtocol, Turn


_ASKED_AGAIN: Final = (VERIFY, AUTH)
"""Routes that can be answered again from the beginning: they wish for one verdict at a time, and keep the caller's."""


class Waiting:
    """One request in the form of a task: uvicorn waits for the end of its tasks, and cancels them after a timeout."""

    __slots__ = ("_ahead", "_asked", "_connection", "_has_leased", "_is_over", "_keep", "_route", "_turn")

    def __init__(self, connection: LaneProtocol, route: str, asked: Request, turn: Turn, *, keep: bool) -> None:
        self._connection = connection
        self._route = route
        self._asked = asked
        self._turn = turn
        self._keep = keep
        self._ahead: Lookup | None = None
        self._is_over = self._has_leased = False
        connection.tasks.add(self)  # type: ignore[arg-type]

    def wait_for(self, wishes: list[Wish]) -> None:
        """Wait for one wish. Several wishes, as of a batch, and lookups that are not gathered are left to a task."""
        asked, engine, ahead = self._asked, self._connection.served.engine, self._ahead
        if self._route in _ASKED_AGAIN and not self._has_leased:
            self._has_leased = True
            leased = engine.lease(*wishes[0])
            if leased is not None:
                leased.add_done_callback(partial(self._leased, wishes))
                return
        if len(wishes) != 1 or not engine.gathers:
            self._wait_in_task(wishes)
            return
        self._ahead = engine.look_ahead(asked.ahead) if asked.ahead else None
        asked.ahead = ""
        engine.pursue(*wishes[0], self._go_on, ahead)

    def _leased(self, wishes: list[Wish], leased: asyncio.Future[bool]) -> None:
        """Answer from memory again; a task handles and reports errors."""
        is_done = not leased.cancelled() and leased.exception() is None and leased.result()
        if self._is_over:
            return
        if is_done:
            self._go_on(None, None)
        else:
            self._wait_in_task(wishes)

    def _wait_in_task(self, wishes: list[Wish]) -> None:
        self._leave()
        self._connection.wait_in_task(self._asked, wishes, self._turn, keep=self._keep)

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
            step = hot.answer(self._route, asked, None if verdict is None else [verdict])
            if isinstance(step, tuple):
                self._end(step)
            else:
                self.wait_for(step)
        begin_request("", None)  # the next callback in this batch belongs to another request

    def _end(self, answer: Answer) -> None:
        self._leave()
        self._connection.finish(answer, self._asked, self._turn, keep=self._keep)

    def _leave(self) -> None:
        self._is_over = True
        self._connection.tasks.discard(self)
