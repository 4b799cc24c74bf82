"""One line on a terminal that says how far long work is, and how fast it goes."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Final

from tokenry.types import form

_BETWEEN_SECONDS: Final = 0.1
_CLEAR: Final = "\r\x1b[2K"


class Progress:
    """A count of work done, on one line of stderr that is rewritten."""

    def __init__(self, what: str, total: int | None, noun: str | None) -> None:
        self._what = what
        self._total = total
        self._noun = noun
        self._done = 0
        self._begun = time.monotonic()
        self._next = self._begun
        self._is_shown = False
        self.add(0)

    def add(self, count: int) -> None:
        """Count what was done since, and write the line if the last one has stood for a tenth of a second."""
        self._done += count
        now = time.monotonic()
        if now < self._next and self._done != self._total:
            return
        self._next = now + _BETWEEN_SECONDS
        line = self._line(now - self._begun)[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(_CLEAR + line)
        sys.stderr.flush()
        self._is_shown = True

    def clear(self) -> None:
        """Make room for another text; the next count writes the line again."""
        if self._is_shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._is_shown, self._next = False, 0

    def _line(self, seconds: float) -> str:
        parts = [self._what]
        if self._noun is not None:
            of = "" if self._total is None else f" of {self._total:,}"
            parts.append(f"{self._done:,}{of} {form(self._done if self._total is None else self._total, self._noun)}")
        if self._total:
            parts.append(f"{min(100, self._done * 100 // self._total)}%")
        if self._noun is not None and seconds > _BETWEEN_SECONDS:
            parts.append(f"{self._done / seconds:,.0f}/s")
        return "  ".join(parts)
