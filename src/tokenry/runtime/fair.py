"""A pool of threads that works for many callers in turn, so that one network cannot take all threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeAlias

_Work: TypeAlias = "tuple[Future[Any], Callable[[], Any]]"

_LATE_EVERY: Final = 4
"""Each fourth piece of work may be a late one, however much other work waits."""


class FairPool:
    """Threads that take one piece of work of each place in turn.

    A place is whatever callers share, such as a network, and has half of the threads at most. None is no place: its
    work may have all threads. Late work waits until no other work waits, but for one piece in four.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._most = max(1, threads // 2)
        self._lock = threading.Lock()
        self._early: dict[Hashable, deque[_Work]] = {}
        self._late: dict[Hashable, deque[_Work]] = {}
        self._running: dict[Hashable, int] = {}
        self._turn = 0

    def submit(self, work: Callable[[], Any], place: Hashable, *, is_late: bool = False) -> Future[Any]:
        """Queue work of a place; return its future."""
        future: Future[Any] = Future()
        with self._lock:
            waiting = self._late if is_late else self._early
            waiting.setdefault(place, deque()).append((future, work))
        self._pool.submit(self._drain)
        return future

    def close(self) -> None:
        """Cancel what waits, and wait for what runs."""
        with self._lock:
            waiting = [*self._early.values(), *self._late.values()]
            self._early, self._late = {}, {}
        for queue in waiting:
            for future, _ in queue:
                future.cancel()
        self._pool.shutdown(cancel_futures=True)

    def _drain(self) -> None:
        """Work until nothing waits that may begin."""
        while (taken := self._take()) is not None:
            place, (future, work) = taken
            try:
                _run(future, work)
            finally:
                with self._lock:
                    left = self._running.pop(place) - 1
                    if left:
                        self._running[place] = left

    def _take(self) -> tuple[Hashable, _Work] | None:
        with self._lock:
            self._turn += 1
            queues = (self._early, self._late) if self._turn % _LATE_EVERY else (self._late, self._early)
            for waiting in queues:
                for place, queue in waiting.items():
                    if place is None or self._running.get(place, 0) < self._most:
                        del waiting[place]
                        taken = queue.popleft()
                        if queue:
                            # Behind all other places.
                            waiting[place] = queue
                        self._running[place] = self._running.get(place, 0) + 1
                        return place, taken
        return None


def _run(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
