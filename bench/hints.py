"""Simulate how 10 to 1,000 processes follow 1 to 100 changes a second: `python -m bench.hints`.

`docs/decisions/0043-hints-are-spaced.md` holds the results. The server is a queue before some processors; what a
statement costs is an estimate. Processes and callers do what `tokenry/runtime/fence.py` does, with its constants.
"""

import heapq
import random
from collections.abc import Callable, Iterator

from tokenry.runtime import fence

PROCESSORS = 4
STATEMENT = 100e-6
POLL_EACH = 0.5e-6
"""The cost of one more node for a caller that asks which nodes lag."""
SECONDS = 10.0


class Simulation:
    """Events in the order of their time."""

    def __init__(self, processes: int, changes: float, hears_a_second: float) -> None:
        self.processes = processes
        self.gap = max(fence._GAP, processes / hears_a_second)
        self.statements = 0
        self._chance = random.Random(1)
        self._free = [0.0] * PROCESSORS
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0
        self._committed = 0
        self._began: list[float] = []
        self._missing: list[int] = []
        self._returned_at: list[float] = []
        self._confirmed = [0] * processes
        self._hinted = [False] * processes
        self._waits: list[int] = [0] * processes
        """Counts what a process waited for, so that a beat that comes too late finds that it was woken."""
        for process in range(processes):
            self._at(self._chance.uniform(0, fence._BEAT), lambda now, process=process: self._beat(process, now))  # type: ignore[misc]
        at = 1.0
        while (at := at + self._chance.expovariate(changes)) < SECONDS:
            self._at(at, self._commit)

    def run(self) -> list[float]:
        """Return how long each change waited, sorted."""
        while self._events and (self._events[0][0] < SECONDS + 5):
            now, _, call = heapq.heappop(self._events)
            call(now)
        return sorted(result - began for result, began in zip(self._returned_at, self._began, strict=True))

    def _at(self, time: float, call: Callable[[float], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (time, self._order, call))

    def _ask(self, now: float, then: Callable[[float], None], cost: float = STATEMENT) -> None:
        """Execute a statement on the first processor that is free."""
        self.statements += now < SECONDS
        begin = max(now, heapq.heappop(self._free))
        heapq.heappush(self._free, begin + cost)
        self._at(begin + cost, then)

    def _commit(self, now: float) -> None:
        self._committed += 1
        self._began.append(now)
        self._missing.append(self.processes)
        self._returned_at.append(SECONDS + 5)
        number = len(self._began) - 1
        self._ask(now, lambda at: self._hint(at))
        self._poll(number, iter(_pauses()), now)

    def _hint(self, now: float) -> None:
        for process in range(self.processes):
            self._hinted[process] = True
            if self._waits[process] > 0:
                self._waits[process] = 0
                self._beat(process, now)

    def _poll(self, number: int, pauses: Iterator[float], now: float) -> None:
        def answered(at: float) -> None:
            if self._missing[number]:
                self._at(at + next(pauses), lambda later: self._poll(number, pauses, later))
            else:
                self._returned_at[number] = at

        self._ask(now, answered, STATEMENT + POLL_EACH * self.processes)

    def _beat(self, process: int, now: float) -> None:
        self._hinted[process] = False
        # The statement's snapshot is taken at its beginning at the earliest, and shows everything committed by then.
        committed = self._committed

        def heard(at: float) -> None:
            if committed > self._confirmed[process]:
                self._ask(at, send_with_fields)
            else:
                rest(at, fence._GAP)

        def send_with_fields(at: float) -> None:
            for number in range(self._confirmed[process], committed):
                self._missing[number] -= 1
            self._confirmed[process] = committed
            rest(at, self.gap)

        def rest(at: float, gap: float) -> None:
            self._at(at + gap, lambda later: wait(later, gap))

        def wait(at: float, gap: float) -> None:
            if self._hinted[process]:
                self._beat(process, at)
                return
            self._order += 1
            mark = self._waits[process] = self._order
            self._at(at + fence._BEAT - min(gap, fence._BEAT), lambda later: due(later, mark))

        def due(at: float, mark: int) -> None:
            if self._waits[process] == mark:
                self._waits[process] = 0
                self._beat(process, at)

        self._ask(now, heard)


def _pauses() -> Iterator[float]:
    pause = fence._POLL[0]
    while True:
        yield pause
        pause = min(pause * 1.5, fence._POLL[1])


def main() -> None:
    """Print the table of the decision."""
    print("processes  changes/s  hears/s at most  statements/s   p50 ms   p99 ms  worst ms")
    for limit in (1_000, 5_000, 20_000, 1e9):
        for processes in (10, 100, 300, 1000):
            for changes in (1, 10, 100):
                simulation = Simulation(processes, changes, limit)
                waits = simulation.run()
                half, most, worst = (waits[int((len(waits) - 1) * part)] * 1000 for part in (0.5, 0.99, 1))
                rate = simulation.statements / SECONDS
                message = "no limit" if limit == 1e9 else f"{limit:,}"
                print(
                    f"{processes:9,} {changes:10} {message:>16} {rate:13,.0f} {half:8.0f} {most:8.0f} {worst:9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
