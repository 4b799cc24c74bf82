"""A process that verifies all the time, and writes down what was valid. Started as a program by `rig`."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fence.book import Book
from tokenry import Settings, Tokenry, TokenryError
from tokenry.core.turns import Heard
from tokenry.runtime.fence import Link

AHEAD, BEHIND = 60, 3
_PAUSE = threading.Event()
PAUSE_SECONDS = 0.003


def say_before_applying(tk: Tokenry) -> None:
    fence = tk._fence
    assert fence is not None
    apply = fence._apply

    def late(heard: Heard) -> None:
        if heard.news and fence._link is not None:
            fence._link.say(fence._node, heard.turns)
            _PAUSE.wait(0.02)
        apply(heard)

    fence._apply = late  # type: ignore[method-assign]


def set_a_flag_by_a_timer(tk: Tokenry) -> None:
    """Let a timer that stands still with its process tell what is trusted, and let the fence's thread run late."""
    fence, memory = tk._fence, tk._memory
    assert fence is not None
    holds, flag = memory._holds, [False]
    assert holds is not None

    def was_stopped(began: float) -> bool:
        return time.monotonic() - began > 1

    def run() -> None:
        began = time.monotonic()
        while not _PAUSE.wait(0.2):
            if not was_stopped(began):
                flag[0] = holds()
            began = time.monotonic()

    def late(heard: Heard) -> None:
        if was_stopped(fence._asked):
            _PAUSE.wait(0.1)
        apply(heard)

    def lose(link: Link) -> None:
        _PAUSE.wait(0.1)
        forget(link)

    apply, fence._apply = fence._apply, late  # type: ignore[method-assign]
    forget, fence._lose = fence._lose, lose  # type: ignore[method-assign]
    threading.Thread(target=run, daemon=True).start()
    memory._holds = lambda: flag[0]


def set_the_wall_clock(tk: Tokenry) -> None:
    """Let the wall clock of this process jump by hours, to and fro."""
    real, began = time.time, time.monotonic()

    def jumping() -> float:
        return real() + 7200 * (int((time.monotonic() - began) * 3) % 3 - 1)

    time.time = jumping
    time.time_ns = lambda: int(jumping() * 1e9)


BROKEN: dict[str, Callable[[Tokenry], None]] = {
    "": lambda tk: None,
    "say before applying": say_before_applying,
    "a timer sets a flag": set_a_flag_by_a_timer,
    "the wall clock jumps": set_the_wall_clock,
}


class Watcher:
    """Presents the keys around the one whose turn it is, twice before it looks again which one that is."""

    def __init__(self, tk: Tokenry, book: Book, column: int, secrets: list[str]) -> None:
        self._tk, self._book, self._column, self._secrets = tk, book, column, secrets
        self.asked = self.failed = self.looked_up = 0
        self._find = tk._database.find
        tk._database.find = self._count

    def _count(self, kid: str) -> Any:
        self.looked_up += 1
        return self._find(kid)

    def run(self) -> None:
        parent = os.getppid()
        while not self._book.is_over and os.getppid() == parent:  # a test that was killed must not leave this behind
            now = self._book.key
            keys = range(max(0, now - BEHIND), min(len(self._secrets), now + AHEAD))
            for _ in range(2):  # the second time also after a process was stopped in the pause
                for key in keys:
                    self._present(key)
                _PAUSE.wait(PAUSE_SECONDS)

    def _present(self, key: int) -> None:
        began = time.monotonic()
        try:
            valid = self._tk.verify(self._secrets[key])
        except TokenryError:
            self.failed += 1
            return
        self.asked += 1
        if valid:
            self._book.was_valid(self._column, key, began)


def main(url: str, keyring: str, directory: str, column: str, columns: str, broken: str) -> None:
    secrets = Path(directory, "secrets").read_text().split()
    book = Book(Path(directory, "book"), len(secrets), int(columns))
    settings = Settings(store_timeout=timedelta(seconds=1))
    with Tokenry(url, keyring=keyring, settings=settings) as tk:
        BROKEN[broken](tk)
        watcher = Watcher(tk, book, int(column), secrets)
        watcher.run()
        counts = {"asked": watcher.asked, "looked_up": watcher.looked_up, "failed": watcher.failed}
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
