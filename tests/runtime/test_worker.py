"""The thread that works beside requests."""

from __future__ import annotations

import threading
import time

from tokenry.runtime.worker import Worker


def test_its_own_thread_rests_in_a_tick_and_no_other_thread_does() -> None:
    done = threading.Event()

    def tick() -> None:
        worker._rested_at = began = time.monotonic() - 1  # as if the tick had worked for a second
        worker.rest()
        if worker._rested_at > began:
            done.set()

    worker = Worker(tick, 0.0)
    worker.rest()
    assert worker._rested_at == 0.0
    worker.start()
    assert done.wait(60)
    worker.stop()
