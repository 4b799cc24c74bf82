"""Asking another system about keys: once for each key at a time, a few at a time, and not at all while it is down."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from tokenry.core.errors import StoreUnavailable
from tokenry.core.memo import MIB, Memo
from tokenry.core.verdict import Refused

from .throttle import Throttle

Told: TypeAlias = "Mapping[str, Any] | Refused | None"
_log = logging.getLogger("tokenry.imports")

WAITING_MAX: Final = 64
_THREADS: Final = 4
_UNKNOWN_MICROS: Final = 300 * 1_000_000
_DOWN_MICROS: Final = 10 * 1_000_000
_PER_ADDRESS, _IN_ALL = 100, 6000
_WINDOW: Final = 900


class Asking:
    """What a process asks other systems. A key that one of them does not know is asked for again after five minutes."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._lock = threading.Lock()
        self._running: dict[object, Future[Told]] = {}
        self._unknown: Memo[bytes, int] = Memo(lambda key, value: 64, bytes_max=4 * MIB)
        self._down: dict[str, int] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._failures = Throttle(self._now, most=_PER_ADDRESS, seconds=_WINDOW)
        self._all = Throttle(self._now, most=_IN_ALL, seconds=_WINDOW)

    def begin(self, name: str, text: str, ask: Callable[[str], Any], ip: str | None) -> Future[Told]:
        """Begin to ask a system about a key; the result is what it says, None for a key that it does not know.

        The future raises StoreUnavailable while the system does not answer.
        """
        what = _digest(name, text)
        with self._lock:
            running = self._running.get(what)
            if running is not None:
                return running
            now = self._now()
            if now < (self._unknown.get(what) or 0):
                return _done(None)
            if now < self._down.get(name, 0) or self._is_closed:
                return _failed(name)
            wait = self._failures.wait(ip) if ip is not None else None
            wait = wait or self._all.wait(None, name)
            if wait is not None or len(self._running) >= WAITING_MAX:
                return _done(Refused("throttled", wait or 1))
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, "tokenry-asking")
            started = self._pool.submit(self._ask, name, text, what, ask, ip)
            self._running[what] = started
        started.add_done_callback(lambda _: self._running.pop(what, None))
        return started

    def _ask(self, name: str, text: str, what: bytes, ask: Callable[[str], Any], ip: str | None) -> Told:
        if self._now() < self._down.get(name, 0):  # since another one has asked
            raise _error(name)
        try:
            told = ask(text)
        except Exception as error:
            _log.warning("the old system %s could not be asked: %s", name, type(error).__name__)
            self._down[name] = self._now() + _DOWN_MICROS
            raise _error(name) from None
        if told is None or told is False:
            self._unknown.put(what, self._now() + _UNKNOWN_MICROS)
            self._all.failed(None, name)
            if ip is not None:
                self._failures.failed(ip)
            return None
        if not isinstance(told, Mapping):
            _log.error("the old system %s said something about a key that is no mapping: the key is refused", name)
            return None
        return told

    def refuse(self, name: str, text: str) -> None:
        """Take a key that the system knows for an unknown one: it cannot be kept here."""
        self._unknown.put(_digest(name, text), self._now() + _UNKNOWN_MICROS)

    def close(self) -> None:
        """Ask nothing any more."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _digest(name: str, text: str) -> bytes:
    return hashlib.sha256(f"{name}\0{text}".encode()).digest()


def _done(told: Told) -> Future[Told]:
    future: Future[Told] = Future()
    future.set_result(told)
    return future


def _failed(name: str) -> Future[Told]:
    future: Future[Told] = Future()
    future.set_exception(_error(name))
    return future


def _error(name: str) -> StoreUnavailable:
    return StoreUnavailable(f"the old system {name} does not answer, so nothing can be said of this key: try again")
