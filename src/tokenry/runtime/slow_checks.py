"""Tests that are expensive on purpose, such as those of bcrypt: a few at a time, behind everything else.

Wrong keys must not keep right ones from their first use. So an address has a budget of wrong keys, for one hint and for
all. The cost of all addresses together is bounded by the threads, which have the lowest priority, and by how many
tests wait for them. Addresses that have shown a wrong key before wait only in the first half of those places.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from tokenry.core.verdict import Refused

from .flights import done, shared
from .throttle import Throttle

WAITING_MAX: Final = 32
"""How many tests wait for a thread; callers of any more are asked to come again."""
HINT_MAX: Final = 8
"""How many of them are tests of one hint."""
_PER_ADDRESS, _PER_PAIR, _UNKNOWN_PER_HINT = 30, 10, 60
_WINDOW, _HINT_WINDOW = 900, 60


class SlowChecks:
    """Runs tests in threads of its own. The same test at the same moment is made once."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._lock = threading.Lock()
        self._running: dict[object, Future[bool | Refused]] = {}
        self._of_hints: Counter[str] = Counter()
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._pairs = Throttle(self._now, most=_PER_PAIR, seconds=_WINDOW)
        self._addresses = Throttle(self._now, most=_PER_ADDRESS, seconds=_WINDOW)
        self._unknown = Throttle(self._now, most=_UNKNOWN_PER_HINT, seconds=_HINT_WINDOW)

    def begin(self, what: object, test: Callable[[], bool], hint: str, ip: str | None) -> Future[bool | Refused]:
        """Begin a test; its result is whether it succeeded, or that the caller is throttled."""
        with self._lock:
            running = self._running.get(what)
            if running is not None:
                return shared(running)
            wait = self._wait(hint, ip)
            if wait is None and (self._is_closed or not self._has_place(hint, ip)):
                wait = 1
            if wait is not None:
                return done(Refused("throttled", wait))
            if self._pool is None:
                threads = max(1, (os.cpu_count() or 1) // 4)
                self._pool = ThreadPoolExecutor(threads, "tokenry-slow", initializer=_step_back)
            started: Future[bool | Refused] = self._pool.submit(self._tested, test, hint, ip)
            self._running[what] = started
            self._of_hints[hint] += 1
        started.add_done_callback(lambda _: self._end(what, hint))
        return shared(started)

    def _wait(self, hint: str, ip: str | None) -> int | None:
        """Return for how many seconds a budget is used up."""
        if ip is None:  # all these callers have one, since nobody can tell them apart
            return self._unknown.wait(None, hint)
        waits = (self._addresses.wait(ip), self._pairs.wait(ip, hint))
        return max((wait for wait in waits if wait is not None), default=None)

    def _has_place(self, hint: str, ip: str | None) -> bool:
        share = 2 if ip is None or self._addresses.count(ip) else 1
        return len(self._running) < WAITING_MAX // share and self._of_hints[hint] < HINT_MAX // share

    def _tested(self, test: Callable[[], bool], hint: str, ip: str | None) -> bool:
        """Test a key. Only a wrong one takes from the budgets: an office has more right keys than those allow."""
        fits = test()
        if not fits:
            with self._lock:
                if ip is None:
                    self._unknown.failed(None, hint)
                else:
                    self._addresses.failed(ip)
                    self._pairs.failed(ip, hint)
        return fits

    def _end(self, what: object, hint: str) -> None:
        with self._lock:
            self._running.pop(what, None)
            self._of_hints[hint] -= 1
            if not self._of_hints[hint]:
                del self._of_hints[hint]

    def close(self) -> None:
        """Begin nothing any more, and wait for the tests that run."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _step_back() -> None:
    """Give this thread the lowest priority."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
