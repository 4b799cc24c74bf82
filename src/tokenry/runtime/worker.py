"""One daemon thread that does beside the requests what must not be done within them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger("tokenry.worker")
_REST_MAX_SECONDS = 0.02


class Worker:
    """Calls `tick` every `interval` seconds, from its first use until it is stopped."""

    def __init__(self, tick: Callable[[], None], interval: float, *, name: str = "tokenry-worker") -> None:
        self._tick = tick
        self._name = name
        self._interval = interval
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the thread stayed with the parent."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._rested_at = 0.0

    @property
    def is_running(self) -> bool:
        """Tell whether the thread was started in this process."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread if it does not run."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the interpreter is ending
                    _log.warning("nothing runs in the background any more: %s", error)
                    return
                self._thread = thread

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=10)

    def rest(self) -> None:
        """Leave the interpreter to requests three times as long as the tick has worked since it last rested.

        Elsewhere than in a tick of the thread, and once the thread is to stop, this returns at once.
        """
        if threading.current_thread() is self._thread:
            worked = time.monotonic() - self._rested_at
            self._stopping.wait(min(3 * worked, _REST_MAX_SECONDS))
            self._rested_at = time.monotonic()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._rested_at = time.monotonic()
            try:
                self._tick()
            except Exception as error:
                _log.warning("work in the background failed and will be tried again: %s", error)
