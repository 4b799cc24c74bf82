"""The files beside an SQLite database that processes agree by. The database itself is never opened here.

SQLite's own locks belong to the process: closing any other descriptor of the database would silently drop them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time

from tokenry.core.errors import ConfigError, StoreUnavailable


def make_private(path: str) -> None:
    """Make a new database file with mode 0600, which SQLite's own files beside it then share."""
    with contextlib.suppress(FileExistsError):
        os.close(_opened(path, os.O_EXCL))


def lock_file(path: str) -> int:
    """Open a lock file, made when it is not there."""
    return _opened(path, 0)


def _opened(path: str, flag: int) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flag, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be opened or made: {error.strerror}") from None


def presence(path: str, *, exclusive: bool) -> int:
    """Show that this process uses a database, alone or with others; raise ConfigError when that does not fit."""
    file = lock_file(path + ".lock")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        wish = (
            "this process asked to be alone on it, but others use it" if exclusive else "another process is alone on it"
        )
        hint = "; talk to that process instead (a running server: use --server), or let both share the file"
        raise ConfigError(f"the database {path} is in use: {wish}{hint}") from None
    return file


class Turns:
    """A lock of threads. A thread that releases it gets it again only after one that waits. Its holder may nest it.

    Only the thread that has `_turn` waits for `_lock`, so a thread that wants `_lock` again waits for `_turn` first.
    """

    def __init__(self) -> None:
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._holder: int | None = None
        self._depth = 0

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock; return whether that succeeded within `timeout` seconds, where -1 means no limit."""
        me, until = threading.get_ident(), time.monotonic() + timeout
        if self._holder != me:
            if not self._turn.acquire(timeout=timeout):
                return False
            try:
                if not self._lock.acquire(timeout=timeout if timeout < 0 else max(0.0, until - time.monotonic())):
                    return False
            finally:
                self._turn.release()
            self._holder = me
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock, or leave the inner one of two uses of it."""
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()

    def __enter__(self) -> Turns:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take_turn(turn: int, file: int, timeout: float) -> None:
    """Lock a file against all other processes, in turn; raise StoreUnavailable when that takes too long.

    Only the process that has `turn` waits for `file`, so a process that wants `file` again waits for `turn` first.
    """
    until = time.monotonic() + timeout
    try:
        _wait_for(turn, until, 0.005)
        try:
            _wait_for(file, until, 0.001)
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)
    except TimeoutError:
        raise StoreUnavailable(
            f"another process has been writing for {timeout:g} s; nothing was changed, try again"
        ) from None


def _wait_for(file: int, until: float, longest_pause: float) -> None:
    pause = 0.0001
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError from None
        time.sleep(pause)
        pause = min(pause * 2, longest_pause)
