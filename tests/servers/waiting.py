"""Waiting for another process: the only place in the tests where time is let pass."""

import socket
import time
from collections.abc import Callable

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
