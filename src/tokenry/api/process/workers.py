"""Several processes that answer on the same sockets, and the one that keeps them running."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from tokenry.installation import Installation
from tokenry.types import TokenryError

from .listening import turn_away
from .logs import configure, log
from .serve import Place, serve_process
from .settings import ServerSettings

_HASTY_SECONDS = 2.0
_HASTY_MAX = 5
_PAUSE_SECONDS = 1.0
"""How long a worker waits before it starts, after this many workers ended at once, while others go on answering."""


def serve_workers(
    installation: Installation,
    settings: ServerSettings,
    sockets: Sequence[socket.socket],
    started: Callable[[], None] = lambda: None,
) -> int:
    """Run as many processes as the settings say until SIGTERM or SIGINT; return the exit code."""
    if settings.workers == 1:
        serve_process(installation, settings, sockets, started)
        return 0
    configure(settings)
    with tempfile.TemporaryDirectory(prefix="tokenry-workers-") as meeting:
        return Workers(installation, settings, sockets, started, Path(meeting)).run()


class Workers:
    """The parent process, which answers no requests, and replaces a child that ended."""

    def __init__(
        self,
        installation: Installation,
        settings: ServerSettings,
        sockets: Sequence[socket.socket],
        started: Callable[[], None],
        meeting: Path,
    ) -> None:
        self._meeting = meeting
        self._installation = installation
        self._settings = settings
        self._sockets = sockets
        self._started = started
        self._slots: dict[int, tuple[int, float]] = {}
        self._hasty = 0
        self._ending = False
        self._failed = False
        self._lifeline = os.pipe()

    def run(self) -> int:
        """Keep the children running until a signal; return 1 when they cannot be kept running."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        for slot in range(self._settings.workers):
            self._start(slot)
        while self._slots:
            pid, status = os.wait()
            if pid in self._slots:
                self._ended(pid, os.waitstatus_to_exitcode(status))
        return 1 if self._failed else 0

    def _start(self, slot: int, pause: float = 0.0) -> None:
        blocked = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)  # otherwise a signal that comes now would reach neither
        try:
            pid = os.fork()
            if pid == 0:
                self._be_child(slot, blocked, pause)
            self._slots[pid] = (slot, time.monotonic() + pause)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)

    def _be_child(self, slot: int, blocked: set[signal.Signals], pause: float) -> None:
        code = 1
        try:
            os.close(self._lifeline[1])
            for number in blocked:
                signal.signal(number, signal.SIG_DFL if number != signal.SIGHUP else signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
            time.sleep(pause)
            started = self._started if slot == 0 else lambda: None
            place = Place(slot, self._lifeline[0], self._meeting)
            serve_process(self._installation, self._settings, self._sockets, started, place)
            code = 0
        except TokenryError as error:
            log.error("a worker cannot start", worker=slot, reason=error.message)
        except Exception:
            log.exception("a worker has failed", worker=slot)
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)

    def _ended(self, pid: int, code: int) -> None:
        slot, began = self._slots.pop(pid)
        if self._ending:
            return
        self._hasty = self._hasty + 1 if time.monotonic() - began < _HASTY_SECONDS else 0
        is_hopeless = self._hasty >= _HASTY_MAX
        if is_hopeless and not self._is_served():
            log.error("workers end as soon as they start: giving up", worker=slot, code=code)
            self._failed = True
            self._end(signal.SIGTERM)
            return
        log.warning("a worker has ended and is replaced", worker=slot, code=code)
        self._started = lambda: None
        self._start(slot, _PAUSE_SECONDS if is_hopeless else 0.0)

    def _is_served(self) -> bool:
        """Return whether an earlier worker still answers: its database may be away, and come back."""
        return any(time.monotonic() - began >= _HASTY_SECONDS for _, began in self._slots.values())

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._tell(signal.SIGHUP)
        else:
            self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        self._ending = True
        turn_away(self._sockets)
        for listener in self._sockets:
            listener.close()  # the children still hold the sockets; the last child empties the queue
        self._tell(number)

    def _tell(self, number: int) -> None:
        for pid in self._slots:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
