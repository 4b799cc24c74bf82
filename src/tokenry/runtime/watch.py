"""Whether memory is true where processes share an SQLite file: every commit is heard of before the next answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tokenry.core.turns import Turn


class Signal(Protocol):
    """Tells a process that others have committed."""

    def version(self) -> object: ...
    def fence(self) -> int: ...


class Watch:
    """Asks whether anybody has committed, and only then whether that may concern a verdict (the fence counter)."""

    def __init__(self, signal: Signal, clear: Callable[[], None]) -> None:
        self._signal = signal
        self._clear = clear
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._version: object = None
        self._fence = -1

    def holds(self) -> bool:
        """Clear memory if others have changed what may turn a verdict. Then it holds."""
        version = self._signal.version()
        if version != self._version:
            fence = self._signal.fence()
            if fence != self._fence:
                self._clear()
                self._fence = fence
            self._version = version
        return True

    def moved(self, turn: Turn) -> None:
        """Follow the fence over a change of our own, unless others have moved it before that."""
        if turn.before == self._fence:
            self._fence = turn.id
