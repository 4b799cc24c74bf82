"""`tokenry worker`: sends webhooks and mail, in a process of its own."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import typer

from .call import Call, command


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "worker")(worker)


def worker(call: Call) -> None:
    """Send webhooks and mail until SIGTERM or Ctrl-C. Any number of workers may run; the server is one by default."""
    installation = call.installation()
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with installation.open(worker=True):
        call.out.record(worker="started")
        call.out.say("webhooks and mail are sent from here; Ctrl-C ends it")
        while not ended.wait(3600):
            pass
