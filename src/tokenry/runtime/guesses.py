"""How many unknown foreign keys are looked up.

Nothing in the text of a foreign key says that it was made here, so each unknown one costs a lookup. While many lookups
fail, the addresses that failed most are refused without one. A right key from such an address is asked to come again in
a second until it is looked up; after that memory knows the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .throttle import Throttle

_MANY, _WINDOW = 100, 900
_OF_MANY, _OF_SOME, _OF_NONE = 100, 200, 400
"""How many lookups may fail in a second before those of an address with many, some or no failures are refused."""
_SECOND: Final = 1_000_000


class Guesses:
    """Counts lookups that fail. Callers without an address are counted together."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._failures = Throttle(self._now, most=_MANY, seconds=_WINDOW)
        self._began, self._count = 0, 0

    def begin(self, ip: str | None) -> int | None:
        """Return None when a key may be looked up, else for how many seconds the caller should wait.

        The lookup counts as one that fails until `found` is called.
        """
        now = self._now()
        if not 0 <= now - self._began < _SECOND:
            self._began, self._count = now, 0
        if self._count >= _OF_MANY:
            before = self._failures.count(ip)
            if self._count >= (_OF_NONE if not before else _OF_SOME if before < _MANY else _OF_MANY):
                return 1
        self._count += 1
        return None

    def found(self) -> None:
        """Take a lookup back: it has found its key."""
        self._count = max(0, self._count - 1)

    def failed(self, ip: str | None) -> None:
        """Count a key of an address that is unknown."""
        self._failures.failed(ip)
