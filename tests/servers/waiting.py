"""Waiting for another process: the only place in the tests where time is let pass."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_PAUSE_SECONDS = 0.01


def until(true: Callable[[], object], seconds: float = 60, describe: Callable[[], str] = lambda: "in vain") -> float:
    """Wait until something is true; return how long that took. Fail with what is told when it stays false."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, describe()
        time.sleep(_PAUSE_SECONDS)
    return time.monotonic() - began


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop_at_once(pid: int) -> None:
    """Stop a process, and return when each of its threads stands still: others run until one has seen the signal."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _states(pid) <= set("TZX"))


def _states(pid: int) -> set[str]:
    states = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended
            states.add(thread.read_text().rpartition(") ")[2][0])
    return states
