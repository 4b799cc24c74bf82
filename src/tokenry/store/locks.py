"""The files beside an SQLite database that processes agree by. The database itself is never opened here.

SQLite's own locks belong to the process: closing any other descriptor of the database would silently drop them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
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


def wait_for(file: int, timeout: float) -> None:
    """Lock a file against all other processes; raise StoreUnavailable when one of them holds it for too long."""
    deadline, pause = time.monotonic() + timeout, 0.0001
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"another process has been writing for {timeout:g} s; nothing was changed, try again"
                ) from None
        time.sleep(pause)
        pause = min(pause * 2, 0.005)
