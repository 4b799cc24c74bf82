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
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from tokenry.api.process.serve import Server
from tokenry.cli import main

EVERY = 0.001
LATE = 0.001
"""From so much on a pause is written down."""


class Watch:
    """Measures by how much the loop is late."""

    def __init__(self, server: Server) -> None:
        self._state, self._counters = server.server_state, server.config.http.served.counters  # type: ignore[union-attr]
        self._loop = asyncio.get_running_loop()
        self._files: dict[int, int] = {}
        self._collecting = self._began_collecting = 0.0
        self._frames: dict[int, str] = {}
        self.pauses: list[dict[str, Any]] = []
        gc.callbacks.append(self._collector)
        signal.signal(signal.SIGALRM, self._look)
        self._threads, self._before = self._used(), self._now()
        self._arm()

    def _now(self) -> tuple[float, ...]:
        return time.perf_counter(), self._collecting, self._answered()

    def _answered(self) -> int:
        return int(self._state.total_requests + self._counters.lane_count)

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
        now, used, ours = self._now(), self._used(), threading.get_ident()
        took, collecting, answered = [one - two for one, two in zip(now, self._before, strict=True)]
        if took > EVERY + LATE:
            beside = {one: used[one].since(self._threads.get(one, Used())) for one in used}
            loop = beside.pop(ours)
            frames = [self._frames.get(one, "") for one in beside if beside[one].ran > took / 10]
            about = {"took": took, "collecting": collecting, "answered": answered, "loop": loop.ran}
            others = {"others": sum(one.ran for one in beside.values()), "delayed": loop.delayed}
            delays = {"others_delayed": sum(one.delayed for one in beside.values())}
            where = {"frames": [self._frames.get(ours, ""), *frames], "at": now[0]}
            self.pauses.append({**about, **others, **delays, **where})
        self._frames = {}
        self._threads, self._before = self._used(), self._now()
        self._arm()

    def _used(self) -> dict[int, "Used"]:
        found = {}
        for thread in threading.enumerate():
            if thread.native_id is None or thread.ident is None:
                continue
            if thread.ident not in self._files:
                self._files[thread.ident] = os.open(f"/proc/self/task/{thread.native_id}/schedstat", os.O_RDONLY)
            with suppress(OSError):  # it has ended
                delayed = int(os.pread(self._files[thread.ident], 64, 0).split()[1])
                ran = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))  # the file has it by ticks of 4 ms
                found[thread.ident] = Used(ran, delayed / 1e9)
        return found

    def each(self) -> float:
        """Return how long the loop has computed for each answer so far."""
        return time.thread_time() / max(1, self._answered())


class Used(NamedTuple):
    """How long a thread has run, and how long it was ready and had no processor."""

    ran: float = 0.0
    delayed: float = 0.0

    def since(self, before: "Used") -> "Used":
        """Return the difference to an earlier measurement."""
        return Used(self.ran - before.ran, self.delayed - before.delayed)


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
        document = {"each": watches[0].each(), "pauses": watches[0].pauses}
        Path(os.environ["BENCH_PAUSES"]).write_text(json.dumps(document))


if __name__ == "__main__":
    _watching()
