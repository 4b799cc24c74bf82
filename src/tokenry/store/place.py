"""The files of an SQLite database in use. Writes to a file that is removed, replaced or cut are lost with the file.

A process goes on with the files that it has opened, even when their names belong to other files by now. So the names
are compared with the open files before every change and after it, and every few milliseconds before an answer from
memory.
"""

from __future__ import annotations

import ctypes
import logging
import os
import struct
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from tokenry.core.errors import ConfigError, StoreUnavailable

_log = logging.getLogger("tokenry.store")
_INDEX = ("-wal", "-shm")
_LOOK_EVERY = 0.005
_WAL_HEADER, _FRAME_HEADER = 32, 24
_FATES = {
    "": "was moved, removed or replaced",
    "cut": "was cut short",
}

Commits: TypeAlias = Callable[[], bytes]
Id: TypeAlias = tuple[int, int]


_abandoned: set[Id] = set()
"""Databases whose files this process keeps open to its end. SQLite would mix their index with that of other files."""


def must_have_one_name(path: str) -> None:
    """Raise ConfigError for a database file with hard links: each of its names has a log and locks of its own."""
    try:
        count = os.stat(path).st_nlink
    except OSError:
        return
    if count > 1:
        raise ConfigError(
            f"the file {path} has {count} names (hard links), and processes that use different ones would spoil it and "
            f"lose changes: find the others with `find -samefile {path}` and remove them, or make a copy with `cp`"
        )


class Place:
    """Which files carry the names of one database; an empty path means a database in memory."""

    def __init__(self, path: str, *beside: str) -> None:
        """Take note of the database and of the lock files `beside` it, which are there already."""
        self.path = path
        self._known: dict[str, Id] = {}
        self._commits: Commits | None = None
        self._complained = False
        self.look_at = 0.0 if path else float("inf")
        """When `check` is due before the next answer from memory, by the monotonic clock."""
        self._note("", *beside)
        if self._known.get("") in _abandoned:
            raise StoreUnavailable(
                f"this process still holds a log of {path} whose name another file has by now: end it and start again",
                cause="moved",
            )

    def note_index(self, commits: Commits | None) -> None:
        """Take note of the log and its index, which come and go with the connections; a connection is open now."""
        self._commits = commits
        self._note(*(end for end in ("", *_INDEX) if end not in self._known))

    def has_index(self) -> bool:
        """Tell whether there is a log with an index, of which nothing is known yet."""
        return bool(self.path) and "-shm" not in self._known and os.path.exists(self.path + "-shm")

    def forget_index(self) -> None:
        """Forget the log and its index, before the last connection is closed and they are removed."""
        self._commits = None
        for end in _INDEX:
            self._known.pop(end, None)

    def _note(self, *ends: str) -> None:
        for end in ends if self.path else ():
            found = self._find(end)
            if found is not None:
                self._known[end] = found

    def check(self, *, changed: bool = False) -> None:
        """Raise StoreUnavailable if a file is not the one that is open; `changed` says that a commit came before."""
        if not self.path:
            return
        self.look_at = 0.0
        for end, known in list(self._known.items()):
            # Another thread that comes to rest before a fork forgets the index before SQLite removes it.
            if self._find(end) != known and self._known.get(end) == known:
                raise self._lost(end, "", changed)
        if self._is_cut():
            raise self._lost("-wal", "cut", changed)
        self._complained = False
        self.look_at = time.monotonic() + _LOOK_EVERY

    def is_taken(self) -> bool:
        """Tell whether another file has the name of one that is open: then SQLite must not tidy up by name."""
        return any(self._find(end) not in (None, known) for end, known in list(self._known.items()))

    def abandon(self, *connections: Any) -> None:
        """Keep connections open until this process ends, since closing them would remove other files by their names."""
        if "" in self._known:
            _abandoned.add(self._known[""])
        for connection in connections:
            # One reference more than there are holders: it is never finalized, not even as the interpreter ends.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))

    def lost_index(self) -> StoreUnavailable:
        """Return the error of an index that this process has not open, although it is the one with the name."""
        return self._lost("-shm", "", changed=False)

    def _find(self, end: str) -> Id | None:
        try:
            found = os.lstat(self.path + end)  # a link is another file: a process that opens it has another log
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _is_cut(self) -> bool:
        """Tell whether the log is shorter than its index says. SQLite changes the index before it cuts the log."""
        commits = self._commits
        if commits is None:
            return False
        while True:
            header = commits()
            page, frames = struct.unpack_from("=HI", header, 14)
            needed = _WAL_HEADER + frames * (_FRAME_HEADER + (page if page > 1 else 65536)) if frames else 0
            try:
                size = os.stat(self.path + "-wal").st_size
            except OSError:
                return self._commits is commits
            if size >= needed:
                return False
            if commits() == header:
                return self._commits is commits

    def _lost(self, end: str, fate: str, changed: bool) -> StoreUnavailable:
        outcome = "what was just changed may be lost" if changed else "nothing was changed"
        message = (
            f"the file {self.path}{end} {_FATES[fate]} while the database is in use; {outcome}. Put it back, or end "
            "every process that uses the database and start again on the files that are there now"
        )
        if not self._complained:
            self._complained = True
            _log.error(message)
        return StoreUnavailable(message, cause="moved")
