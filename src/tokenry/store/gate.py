"""A gate that lets threads in until a fork is near, and tells when all of them have left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Counts the threads inside. While it is closed nobody enters but a thread that is inside already."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: list[int] = []
        self._closed = False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside for the time of a block."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._closed or me in self._inside)
            self._inside.append(me)
        try:
            yield
        finally:
            with self._changed:
                self._inside.remove(me)
                self._changed.notify_all()

    def close(self, timeout: float) -> bool:
        """Let nobody in; return whether all have left, which the calling thread must not wait for itself to do."""
        with self._changed:
            self._closed = True
            if threading.get_ident() in self._inside:
                return False
            return self._changed.wait_for(lambda: not self._inside, timeout)

    def open(self) -> None:
        """Let everybody in again."""
        with self._changed:
            self._closed = False
            self._changed.notify_all()
