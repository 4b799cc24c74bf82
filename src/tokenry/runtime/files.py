"""Files that processes share, and that must survive a crash."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: int, *, within: float) -> Iterator[None]:
    """Lock a file, or raise BlockingIOError after so many seconds.

    The lock is released explicitly. If closing the file released it, a child that was forked meanwhile would keep it.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.0005)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def sync_folder(path: Path) -> None:
    """Make sure that a file that was made or renamed is still there after a crash."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
