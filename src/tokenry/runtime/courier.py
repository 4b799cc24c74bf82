"""Sends webhooks in the background: one thread looks for work, and each endpoint has a thread of its own."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tokenry.core.webhook_ports import Claim

_log = logging.getLogger("tokenry.webhooks")

INTERVAL: Final = 1.0
THREADS_MAX: Final = 16
_FAILING_MAX: Final = THREADS_MAX // 2
"""So many threads may serve endpoints that fail: those that wait for their time limits leave room for others."""
_TURN_SECONDS: Final = 10.0
"""After so long an endpoint is let go, so that others get a thread."""
_CALM_SECONDS: Final = 0.02


class Jobs(Protocol):
    """The database work of a courier."""

    def has_work(self) -> bool: ...
    def claim(self, holder: str, limit: int, *, healthy: bool) -> Sequence[Claim]: ...
    def work(self, claimed: Claim, is_over: Callable[[], bool]) -> int: ...
    def interrupt(self) -> None: ...


class Courier:
    """Runs from its first use until it is stopped."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the threads stayed with the parent."""
        self._holder = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._hint = threading.Event()
        self._thread: threading.Thread | None = None
        self._serving: dict[str, tuple[threading.Thread, Claim]] = {}
        self._number = 0

    def start(self) -> None:
        """Start if this does not run."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="tokenry-courier", daemon=True)
                self._thread.start()

    def hint(self) -> None:
        """Say that there may be something to send."""
        self._hint.set()

    def stop(self) -> None:
        """End all threads and wait for them; requests under way are given up, and sent again by the next worker."""
        self._stopping.set()
        self._hint.set()
        self._jobs.interrupt()
        threads = [self._thread, *[thread for thread, _ in list(self._serving.values())]]
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout=6)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hand_out()
            except Exception as error:
                _log.warning("webhooks cannot be sent right now and will be tried again: %s", error)
            self._hint.wait(INTERVAL)
            self._hint.clear()
            self._stopping.wait(_CALM_SECONDS)  # many changes in a row are looked for once

    def _hand_out(self) -> None:
        free = THREADS_MAX - len(self._serving)
        if free <= 0 or not self._jobs.has_work():
            return
        failing = sum(claim.failure_count > 0 for _, claim in list(self._serving.values()))
        holder = f"{self._holder}.{self._number}"
        self._number += 1
        claims = list(self._jobs.claim(holder, free, healthy=True))
        room = min(free - len(claims), _FAILING_MAX - failing)
        if room > 0:
            claims += self._jobs.claim(holder, room, healthy=False)
        for claim in claims:
            name = f"tokenry-courier-{claim.endpoint_id}"
            thread = threading.Thread(target=self._serve, args=(claim,), name=name, daemon=True)
            self._serving[claim.endpoint_id] = (thread, claim)
            thread.start()

    def _serve(self, claim: Claim) -> None:
        until = time.monotonic() + _TURN_SECONDS
        try:
            self._jobs.work(claim, lambda: self._stopping.is_set() or time.monotonic() >= until)
        except Exception as error:
            _log.warning("deliveries to %s failed and will be tried again: %s", claim.endpoint_id, error)
        finally:
            self._serving.pop(claim.endpoint_id, None)
            self._hint.set()
