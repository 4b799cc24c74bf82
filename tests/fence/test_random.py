"""Faults by chance, several at a time. `SEED=… pytest tests/fence/test_random.py` draws the same ones again."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.counts import times
from tests.fence.rig import PROXIED, Rig
from tests.servers.postgres import Postgres

SECONDS = times(20, 600)
FAULT_SECONDS_MAX = 6.0
KEYS = times(4000, 60_000)


class Faults:
    """Draws the next fault. What is begun is undone some time later."""

    def __init__(self, rig: Rig, chance: random.Random) -> None:
        self._rig, self._chance = rig, chance
        self._until = 0.0
        self.done: list[str] = []

    def next(self) -> None:
        """Begin another fault, if it is time for one."""
        now = time.monotonic()
        if now < self._until:
            return
        name = self._chance.choice(["stop", "stop", "hole", "half", "cut", "kill", "server restarts", "server dies"])
        length = self._chance.uniform(0.05, FAULT_SECONDS_MAX)
        self._until = now + self._chance.uniform(0.2, FAULT_SECONDS_MAX)
        self.done.append(f"{name} {length:.2f}")
        getattr(self, "_" + name.replace(" ", "_"))(length)

    def _alive(self) -> int:
        return self._chance.choice([n for n, one in enumerate(self._rig.watchers) if one.poll() is None])

    def _undo(self, length: float, undo: Callable[[], object]) -> None:
        self._rig.after(length, undo)

    def _stop(self, length: float) -> None:
        number = self._alive()
        self._rig.signal(number, signal.SIGSTOP)
        self._undo(length, lambda: self._rig.signal(number, signal.SIGCONT))

    def _hole(self, length: float) -> None:
        self._rig.proxy.hole = True
        self._undo(length, lambda: setattr(self._rig.proxy, "hole", False))

    def _half(self, length: float) -> None:
        self._rig.proxy.half = True
        self._undo(length, lambda: setattr(self._rig.proxy, "half", False))

    def _cut(self, length: float) -> None:
        self._rig.proxy.cut()

    def _kill(self, length: float) -> None:
        number = self._alive()
        self._rig.signal(number, signal.SIGKILL)
        self._rig.watchers[number].wait()
        self._rig.start(number if number == PROXIED else 0)

    def _server_restarts(self, length: float) -> None:
        self._rig.server.restart()

    def _server_dies(self, length: float) -> None:
        self._rig.server.kill()
        self._rig.server.start()


def test_nothing_is_stale_whatever_happens(
    durable_server: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("SEED", 0)) or random.SystemRandom().randrange(1, 10**9)
    with capsys.disabled():
        print(f"\nSEED={seed}", flush=True)
    with Rig(durable_server, tmp_path, KEYS) as rig:
        faults, over = Faults(rig, random.Random(seed)), time.monotonic() + SECONDS

        def goes_on() -> bool:
            faults.next()
            return time.monotonic() < over

        rig.end_while(goes_on)
    print(f"{rig.outcome.ended} keys ended, {len(rig.outcome.slow)} slow calls; {faults.done}")
    assert rig.outcome.stale == [], f"SEED={seed}"
    assert rig.outcome.ended > SECONDS // 4
