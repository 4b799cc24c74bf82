"""How figures are taken: the best of several short rounds. A noisy neighbour costs a round, not the figure."""

import time
from collections.abc import Callable

import tokenry.service.verify

ROUNDS = 5
COMPILED = not str(tokenry.service.verify.__file__).endswith(".py")
"""Which form of the hot path runs."""


def seconds_each(work: Callable[[], object], count: int, rounds: int = ROUNDS) -> float:
    """Return the seconds that one call of `work` takes."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, (time.perf_counter() - begin) / count)
    return best


def seconds_of(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the seconds that one run of `work` takes."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


class Report:
    """Prints figures as they come, and remembers whether one has missed its mark."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def line(self, what: str, figure: str, reference: str = "", good: bool | None = None) -> None:
        """Print one figure, what it is measured against, and whether it reaches its mark."""
        mark = "" if good is None else "ok" if good else "MISSED"
        print(f"{what:<58} {figure:>16}   {reference:<46} {mark}", flush=True)
        if good is False:
            self.missed.append(what)

    def title(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{text}\n{'-' * len(text)}", flush=True)
