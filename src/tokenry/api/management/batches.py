"""Requests that share a transaction: a commit that is safe on the disk costs as much for one change as for many.

While one batch commits, the next one gathers. No request waits for company, and under load the database commits a few
times for hundreds of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from tokenry.types import StoreUnavailable

from ..threads import in_thread

A = TypeVar("A")
R = TypeVar("R")
BATCH_MAX: Final = 64
WAITING_MAX: Final = 1000


class Batches(Generic[A, R]):
    """Runs `work` on batches, in a thread, one after another. It owns the futures of the requests that wait.

    A future ends when its batch is done, with a result or an error. There is no time limit here: a change is not given
    up half-way, and `work` limits each of its own waits.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[R | Exception]]) -> None:
        self._work = work
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request waits."""
        return self._running is None

    async def do(self, asked: A) -> R:
        """Return the answer of `work` to one request; raise the answer if it is an error."""
        if len(self._waiting) >= WAITING_MAX:
            raise StoreUnavailable(f"{WAITING_MAX} changes wait already; nothing was changed, try again")
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._running is None:
            self._start()
        return await answer

    def _start(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self._run())
        self._running.add_done_callback(self._end)

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            results: Sequence[R | Exception] = []
            try:
                results = await in_thread(self._work, [asked for asked, _ in batch])
            except Exception as error:
                results = [error] * len(batch)
            finally:
                _answer(
                    batch, results, lambda: RuntimeError("a change was cut short, and nobody knows whether it was made")
                )

    def _end(self, run: asyncio.Task[None]) -> None:
        """Go on after a run that ended early; end the rest after one that was cancelled, perhaps before it began."""
        self._running = None
        if run.cancelled():
            waiting, self._waiting = self._waiting, []
            _answer(waiting, [], lambda: StoreUnavailable("the server is ending; nothing was changed, try again"))
        elif self._waiting:
            self._start()


def _answer(
    batch: Sequence[tuple[A, asyncio.Future[R]]], results: Sequence[R | Exception], missing: Callable[[], Exception]
) -> None:
    """End the futures of a batch; where the end of the event loop took the results, with an error that says so."""
    for place, (_, answer) in enumerate(batch):
        if answer.done():
            continue
        result = results[place] if place < len(results) else missing()
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
