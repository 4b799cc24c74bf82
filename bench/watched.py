"""`tokenry` with a watch on its event loop, which writes every pause to the file `BENCH_PAUSES` in the end.

A timer of the loop is due every millisecond, and a signal when it is late. The handler of the signal runs as soon as
the thread of the loop does, and looks where all threads are: so a pause gets the name of its source.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from tokenry.api.process.serve import Server
from tokenry.cli import main

EVERY = 0.001
LATE = 0.001
"""From so much on a pause is written down."""


class Watch:
    """Measures by how much the loop is late."""

    def __init__(self, server: Server) -> None:
        self._state = server.server_state
        self._loop = asyncio.get_running_loop()
        self._delays = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self._collecting = self._began_collecting = 0.0
        self._frames: dict[int, str] = {}
        self.pauses: list[dict[str, Any]] = []
        gc.callbacks.append(self._collector)
        signal.signal(signal.SIGALRM, self._look)
        self._used = _used()
        self._before = self._now()
        self._arm()

    def _now(self) -> tuple[float, ...]:
        delayed = int(os.pread(self._delays, 64, 0).split()[1]) / 1e9
        times = time.perf_counter(), time.thread_time(), time.process_time()
        return *times, delayed, self._collecting, self._state.total_requests

    def _collector(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began_collecting = time.perf_counter()
        else:
            self._collecting += time.perf_counter() - self._began_collecting

    def _arm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, EVERY + LATE)
        self._loop.call_later(EVERY, self._tick)

    def _look(self, _: int, frame: FrameType | None) -> None:
        self._frames = {thread: _place(found) for thread, found in sys._current_frames().items()}
        self._frames[threading.get_ident()] = _place(frame)

    def _tick(self) -> None:
        now, used = self._now(), _used()
        differences = [one - two for one, two in zip(now, self._before, strict=True)]
        took, loop, process, delayed, collecting, answered = differences
        if took > EVERY + LATE:
            about = {"took": took, "loop": loop, "others": process - loop, "delayed": delayed, "collecting": collecting}
            ours = threading.get_ident()
            beside = {one: used[one] - self._used.get(one, 0.0) for one in used if one != ours and one in self._frames}
            frames = [self._frames.get(ours, ""), *[self._frames[one] for one in beside if beside[one] > took / 10]]
            self.pauses.append({**about, "at": now[0], "frames": frames, "answered": answered})
        self._frames = {}
        self._used = _used()
        self._before = self._now()
        self._arm()


def _used() -> dict[int, float]:
    """Return how much CPU each thread has used."""
    found = {}
    for thread in threading.enumerate():
        if thread.ident is not None:
            found[thread.ident] = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return found


def _place(frame: FrameType | None) -> str:
    """Return the innermost frame and the two innermost ones of Tokenry."""
    places: list[str] = []
    while frame is not None and len(places) < 3:
        code = frame.f_code
        if not places or "/tokenry/" in code.co_filename:
            places.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(places)


def _watching() -> None:
    startup, watches = Server.startup, []

    async def begin(self: Server, *arguments: Any, **named: Any) -> None:
        await startup(self, *arguments, **named)
        watches.append(Watch(self))

    Server.startup = begin  # type: ignore[method-assign]
    try:
        main()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        Path(os.environ["BENCH_PAUSES"]).write_text(json.dumps([one for watch in watches for one in watch.pauses]))


if __name__ == "__main__":
    _watching()
