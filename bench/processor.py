"""The processor time of a process and its children, from `/proc`: a busy neighbour does not count."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil


class Used(NamedTuple):
    """Seconds of CPU, or µs of it for each request."""

    total: float
    background: float
    """The time of all threads but the first, which runs the event loop."""
    waited: float
    """How long its threads were ready and had no processor."""

    def since(self, before: "Used", count: int) -> "Used":
        """Return the time for each of `count` requests, in µs."""
        return Used(*[(now - then) / count * 1e6 for now, then in zip(self, before, strict=True)])


def used(pid: int) -> Used:
    """Return the time that a process and its children have used so far."""
    process = psutil.Process(pid)
    total = background = waited = 0.0
    for one in (process, *process.children(recursive=True)):
        for task in Path(f"/proc/{one.pid}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that has just ended
                ran, delayed, _ = (int(field) / 1e9 for field in Path(task, "schedstat").read_text().split())
                total += ran
                waited += delayed
                background += ran if task.name != str(one.pid) else 0
    return Used(total, background, waited)


def prefer(pid: int) -> None:
    """Give the sessions of a process and its children our own priority.

    Linux may weigh sessions against each other, not processes. Every backend of PostgreSQL is a session of its own.
    """
    for one in (pid, *[child.pid for child in psutil.Process(pid).children(recursive=True)]):
        with suppress(OSError):
            Path(f"/proc/{one}/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
