"""One thread that leases shares of limits: for callers on an event loop, and ahead for keys that are in use.

Wishes that come while the thread leases wait for the next transaction, and are leased there together.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeAlias

from tokenry.core.counters import Want

from .leases import Leases

_log = logging.getLogger("tokenry.worker")
_GATHER_SECONDS = 0.01
"""How long a share that is renewed ahead waits for others."""
_WANTS = 256
"""How many wishes one transaction fulfils: it keeps others from writing."""

_AT_ONCE = 32
"""How many callers are served on the event loop in one go: less than a millisecond of work."""

Asked: TypeAlias = "tuple[Sequence[Want], Future[bool]]"


class Leasing:
    """Leases what is asked for, many wishes in one transaction. `lease` does it, and returns what every asker gets."""

    def __init__(
        self, leases: Leases, lease: Callable[[Sequence[Want]], bool], now: Callable[[], int], *, background: bool
    ) -> None:
        self._leases = leases
        leases.wake = self.wake if background else None
        self._lease = lease
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the thread stayed with the parent."""
        self._queue: SimpleQueue[Asked | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def ask(self, wants: Sequence[Want]) -> Future[bool]:
        """Lease soon; the future ends with what `lease` returns or raises."""
        asked: Future[bool] = Future()
        if not self._put((wants, asked)):
            self._do([(wants, asked)])
        return asked

    def wake(self) -> None:
        """Renew shares ahead."""
        self._put(None)

    def _put(self, one: Asked | None) -> bool:
        """Tell whether the thread runs and was asked. After `stop` it would not look into its queue any more."""
        if not self._start():
            return False
        with self._lock:
            if not self._stopping:
                self._queue.put(one)
            return not self._stopping

    def stop(self) -> None:
        """End the thread after what it was asked, and wait for it."""
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def _start(self) -> bool:
        """Tell whether the thread runs, after starting it if it does not."""
        if self._thread is not None and not self._stopping:
            return True
        with self._lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="tokenry-leases", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    return False
                self._thread = thread
        return not self._stopping

    def _run(self) -> None:
        while True:
            asked = self._gathered()
            try:
                self._do(asked)
            except Exception as error:
                _log.warning("shares of limits could not be renewed ahead: %s", error)
            if self._stopping and self._queue.empty():
                return

    def _gathered(self) -> list[Asked]:
        """Wait for a wish, and return all that is asked by then: nothing when shares are only to be renewed ahead."""
        first = self._queue.get()
        if first is None and not self._stopping:
            with suppress(Empty):
                first = self._queue.get(timeout=_GATHER_SECONDS)
        asked = [first] if first is not None else []
        count = len(asked)
        with suppress(Empty):
            while count < _WANTS:
                one = self._queue.get_nowait()
                if one is not None:
                    asked.append(one)
                    count += len(one[0])
        return [one for one in asked if one[1].set_running_or_notify_cancel()]

    def _do(self, asked: list[Asked]) -> None:
        """Lease for those who ask, and ahead."""
        wants = [want for one in asked for want in one[0]]
        wants += self._leases.due(self._now())
        try:
            answer = self._lease(wants) if wants else True
        except Exception as error:
            for _, future in asked:
                future.set_exception(error)
            if not asked:
                raise
        else:
            for _, future in asked:
                future.set_result(answer)


class Gathered:
    """The wishes of one event loop, leased together at the end of the turn of the loop in which they come up.

    A lease on SQLite that has to wait for nobody takes less than handing it to a thread and back: it is done at once.
    """

    def __init__(self, leasing: Leasing, at_once: Callable[[Sequence[Want]], bool]) -> None:
        self.loop = asyncio.get_running_loop()
        self._leasing = leasing
        self._at_once = at_once
        self._asked: list[tuple[Sequence[Want], asyncio.Future[bool]]] = []

    def ask(self, wants: Sequence[Want]) -> asyncio.Future[bool]:
        """Lease soon; the future ends as that of `Leasing.ask`."""
        answer: asyncio.Future[bool] = self.loop.create_future()
        if not self._asked:
            self.loop.call_soon(self._lease)
        self._asked.append((wants, answer))
        return answer

    def _lease(self) -> None:
        asked, self._asked = self._asked[:_AT_ONCE], self._asked[_AT_ONCE:]
        if self._asked:
            self.loop.call_soon(self._lease)
        try:
            is_done = self._at_once([want for wants, _ in asked for want in wants])
        except Exception as error:
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        if is_done:
            for _, answer in asked:
                if not answer.done():
                    answer.set_result(True)
            return
        for wants, answer in asked:
            _pass_on(asyncio.wrap_future(self._leasing.ask(wants), loop=self.loop), answer)


def _pass_on(found: asyncio.Future[bool], answer: asyncio.Future[bool]) -> None:
    """End a future as another one ends."""

    def end(found: asyncio.Future[bool]) -> None:
        error = found.exception()
        if answer.done():
            return
        if error is None:
            answer.set_result(found.result())
        else:
            answer.set_exception(error)

    found.add_done_callback(end)
