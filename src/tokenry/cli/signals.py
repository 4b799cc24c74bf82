"""Ctrl-C and SIGTERM while secrets are made: a secret that exists is handed out before the command ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

_HELD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C and SIGTERM back until the block is done, then end the command; a second one ends it at once.

    What this yields tells whether one has come: long work then stops where it can.
    """
    if threading.current_thread() is not threading.main_thread():  # signals arrive only in the main thread
        yield lambda: False
        return
    come: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        come.append(number)
        if len(come) > 1:
            raise KeyboardInterrupt

    before: dict[int, Any] = {number: signal.signal(number, note) for number in _HELD}
    try:
        yield lambda: bool(come)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if come:
        raise typer.Exit(128 + come[0])
