"""Whether another system is down, and whose questions it leaves without an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

_SECOND: Final = 1_000_000
_IN_A_ROW: Final = 3
"""After so many questions in a row without an answer, a place waits."""
_PLACES: Final = 3
"""After questions of so many places without any answer between them, everybody waits."""
_WINDOW: Final = 60 * _SECOND
_PAUSE: Final = 10 * _SECOND
_ENTRIES: Final = 4096


class _Silence(NamedTuple):
    in_a_row: int
    at: int
    period: int


class Outage:
    """The state of one system that may be down, as this process sees it.

    A caller can choose keys that get no answer. So the silences of one place stop the questions of that place, and only
    silences of several places stop all. After such a pause one question at a time is asked, until there is an answer.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._silent: dict[Hashable, _Silence] = {}
        self._period = 0
        """Grows with each answer: older silences say nothing about the system."""
        self._down_until = 0
        self._is_doubted = False
        self._is_trying = False

    def is_held(self, place: Hashable) -> bool:
        """Say whether a place must wait before it asks again."""
        now = self._now()
        last = self._silent.get(place)
        return now < self._down_until or (last is not None and last.in_a_row >= _IN_A_ROW and now < last.at + _PAUSE)

    def begin(self, place: Hashable) -> bool:
        """Begin a question, which `end` must follow; return False when it must not be asked now."""
        with self._lock:
            if self.is_held(place) or (self._is_doubted and self._is_trying):
                return False
            self._is_trying = True
        return True

    def answered(self, place: Hashable) -> None:
        """Note an answer, whatever it says of its key."""
        with self._lock:
            self._silent.pop(place, None)
            self._period += 1
            self._is_doubted = False

    def silent(self, place: Hashable) -> None:
        """Note that a question got no answer."""
        with self._lock:
            now = self._now()
            last = self._silent.pop(place, None)
            count = last.in_a_row if last is not None and now - last.at < _WINDOW else 0
            self._silent[place] = _Silence(count + 1, now, self._period)
            if len(self._silent) > _ENTRIES:
                del self._silent[next(iter(self._silent))]
            alike = (one for one in self._silent.values() if one.period == self._period and now - one.at < _WINDOW)
            if sum(1 for _ in alike) >= _PLACES:
                self._down_until, self._is_doubted = now + _PAUSE, True
                self._period += 1

    def end(self) -> None:
        """End a question: another one may be tried."""
        self._is_trying = False

    def __len__(self) -> int:
        return len(self._silent)
