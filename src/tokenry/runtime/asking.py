"""Asking another system about keys: once for each key at a time, a few at a time, and not at all while it is down."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, TypeAlias

from tokenry.core.foreign import AGAIN, unanswered
from tokenry.core.memo import MIB, Memo
from tokenry.core.verdict import Refused

from .fair import FairPool
from .flights import done, shared
from .outage import Outage
from .throttle import Throttle, network

Told: TypeAlias = "Mapping[str, Any] | None"
"""The answer of an old system about a key: None when the key is unknown there."""
_log = logging.getLogger("tokenry.imports")

WAITING_MAX: Final = 128
"""How many keys may be asked for, or wait to be, at once."""
LATE_MAX: Final = WAITING_MAX // 2
"""How many of these may be keys of addresses with failures."""
OF_PLACE_MAX: Final = 32
"""How many of these may be of one network."""
_THREADS: Final = 4
_UNANSWERED_MICROS: Final = 10 * 1_000_000
"""How long a key that got no answer is not asked for again."""
_PER_ADDRESS, _WINDOW = 100, 900
_IN_ALL, _WINDOW_OF_ALL = 400, 60
_FREE: Final = 3
"""How many unknown keys an address may have before it shares one budget with all others of its kind."""
_ANSWER_MICROS: Final = 30 * 1_000_000
_PAUSE: Final = 0.05


class _Running(NamedTuple):
    """A key that is asked for, and what those who ask for it too get."""

    future: Future[Any]
    place: Hashable
    is_late: bool


class Asking:
    """The questions of a process to other systems. The first caller of a key asks, and the others wait for the answer.

    The first caller gets None from `join`. It calls `ask`, and must call `end`, `fail` or `leave` whatever happens.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._lock = threading.Lock()
        self._running: dict[bytes, _Running] = {}
        self._asked: dict[bytes, tuple[int, Future[Told]]] = {}
        self.holder = os.urandom(16).hex()
        self._unknown: Memo[bytes, int] = Memo(lambda key, value: 64, bytes_max=4 * MIB)
        self._unanswered: Memo[bytes, int] = Memo(lambda key, value: 64)
        self._outages: dict[str, Outage] = {}
        self._pool: FairPool | None = None
        self._is_closed = False
        self._failures = Throttle(self._now, most=_PER_ADDRESS, seconds=_WINDOW)
        self._all = Throttle(self._now, most=_IN_ALL, seconds=_WINDOW_OF_ALL)

    def join(self, name: str, text: str, ip: str | None) -> Future[Any] | None:
        """Return a future with the answer about a key that is cached or under way; None when the caller must ask.

        The future raises StoreUnavailable while the system does not answer.
        """
        what, place = _digest(name, text), place_of(ip)
        with self._lock:
            running = self._running.get(what)
            if running is not None:
                return shared(running.future)
            now = self._now()
            if now < (self._unknown.get(what) or 0):
                return done(None)
            if now < (self._unanswered.get(what) or 0) or self._outage(name).is_held(place) or self._is_closed:
                return _failed(name)
            is_late = self._has_failed(ip)
            wait = self._failures.wait(ip) if ip is not None else None
            if wait is None and is_late:
                wait = self._all.wait(None, name)
            if wait is not None or self._is_full(place, is_late):
                return done(Refused("throttled", wait or 1))
            self._running[what] = _Running(Future(), place, is_late)
        return None

    def _is_full(self, place: Hashable, is_late: bool) -> bool:
        """Say whether too many keys wait already: in all, of addresses with failures, or of one network."""
        running = self._running.values()
        return (
            len(running) >= WAITING_MAX
            or (is_late and sum(one.is_late for one in running) >= LATE_MAX)
            or (place is not None and sum(one.place == place for one in running) >= OF_PLACE_MAX)
        )

    def _outage(self, name: str) -> Outage:
        return self._outages.get(name) or self._outages.setdefault(name, Outage(self._now))

    def end(self, name: str, text: str, result: object) -> None:
        """Tell everybody who waits what was learned."""
        what = _digest(name, text)
        self._asked.pop(what, None)
        running = self._running.pop(what, None)
        # A forked child begins without what its parent asks.
        if running is not None:
            running.future.set_result(result)

    def fail(self, name: str, text: str, error: Exception) -> None:
        """Tell everybody who waits that nothing could be learned, or that it could not be kept."""
        running = self._running.pop(_digest(name, text), None)
        if running is not None:
            running.future.set_exception(error)

    def leave(self, name: str, text: str) -> None:
        """Let another caller go on: the first one was cancelled."""
        running = self._running.pop(_digest(name, text), None)
        if running is not None:
            running.future.set_result(AGAIN)

    def ask(self, name: str, text: str, ask: Callable[[str], Any], ip: str | None) -> Future[Told]:
        """Begin to ask a system about a key. An answer that could not be kept a moment ago is not asked for again."""
        what, now = _digest(name, text), self._now()
        at, asked = self._asked.get(what, (0, None))
        if asked is None or now - at > _ANSWER_MICROS or (asked.done() and asked.exception() is not None):
            self._asked.pop(what, None)
            while len(self._asked) >= WAITING_MAX:
                self._asked.pop(next(iter(self._asked)), None)
            asked = self._submit(lambda: self._ask(name, text, ask, ip), name, ip)
            self._asked[what] = now, asked
        return shared(asked)

    def pause(self, name: str, ip: str | None) -> Future[None]:
        """Begin to wait for what another process asks."""
        return self._submit(lambda: time.sleep(_PAUSE), name, ip)

    def _submit(self, work: Callable[[], Any], name: str, ip: str | None) -> Future[Any]:
        with self._lock:
            if self._is_closed:
                return _failed(name)
            if self._pool is None:
                self._pool = FairPool(_THREADS, "tokenry-asking")
            return self._pool.submit(work, place_of(ip), is_late=self._has_failed(ip))

    def _ask(self, name: str, text: str, ask: Callable[[str], Any], ip: str | None) -> Told:
        outage, place = self._outage(name), place_of(ip)
        if not outage.begin(place):
            raise unanswered(name)
        try:
            outcome = ask(text)
            outage.answered(place)
        except Exception as error:
            _log.warning("the old system %s gave no answer about a key: %s", name, type(error).__name__)
            self._unanswered.put(_digest(name, text), self._now() + _UNANSWERED_MICROS)
            if isinstance(error, OSError):
                outage.silent(place)
            else:
                self._count_failure(name, ip)
            raise unanswered(name) from None
        finally:
            outage.end()
        if outcome is None or outcome is False:
            self._count_failure(name, ip)
            return None
        if not isinstance(outcome, Mapping):
            _log.error("the old system %s said something about a key that is no mapping: the key is refused", name)
            return None
        return outcome

    def _count_failure(self, name: str, ip: str | None) -> None:
        if self._has_failed(ip):
            self._all.failed(None, name)
        if ip is not None:
            self._failures.failed(ip)

    def _has_failed(self, ip: str | None) -> bool:
        """Say whether an address shares one budget with others. A flood must not stop addresses without failures."""
        return ip is None or self._failures.count(ip) >= _FREE

    def refuse(self, name: str, text: str, until: int) -> None:
        """Do not ask for a key until a moment: the system does not know it, or it cannot be kept here."""
        self._unknown.put(_digest(name, text), until)

    def close(self) -> None:
        """Ask nothing any more."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def place_of(ip: str | None) -> Hashable:
    """Return the network that shares its turn: the /24 of an IPv4 address, the /48 of an IPv6 address."""
    found = network(ip)
    return None if found is None else (found[0], found[1] >> (8 if found[0] == 4 else 16))


def _digest(name: str, text: str) -> bytes:
    return hashlib.sha256(f"{name}\0{text}".encode()).digest()


def _failed(name: str) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(unanswered(name))
    return future
