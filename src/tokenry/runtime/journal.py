"""The revocation journal: a file in which every acknowledged revocation stands, apart from the database.

Processes of one machine share it. A record is appended under a lock and synced to the disk before the call that revoked
returns. Threads that append at the same moment share one sync.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tokenry.core.revocations import Head, Revocation, line, read_head, read_record

from .files import locked, sync_folder

_LOCK_SECONDS = 5
_TAIL = 1 << 16
_HEAD_MAX = 200
COMPACT_BYTES = 1 << 20
"""A journal is compacted once it is twice as long as after the last time, and this much more."""
_ID_BYTES = 12


class JournalError(Exception):
    """The journal cannot be read or written; the text says why."""


class Contents(NamedTuple):
    """The contents of a journal after a place."""

    records: list[Revocation]
    damaged: int
    """How many lines are unreadable: a disk, or somebody, has changed them."""


class Journal:
    """The file. Every call opens it anew, so nothing has to be closed and a fork inherits nothing."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self.path = path
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._syncing = threading.Lock()
        self._written: tuple[int, int] = (0, 0)
        self._synced = 0

    def append(self, records: Sequence[Revocation]) -> None:
        """Write records; they are on the disk when this returns. Raise JournalError."""
        raw = b"".join(map(line, records))
        with self._writing() as file:
            end = self._whole(file)
            try:
                _write(file, raw)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, end)
                raise
            # Counted, since a file may become shorter again: a torn line is cut, a compaction begins another file.
            inode, count = os.fstat(file).st_ino, self._written[1] + 1
            self._written = inode, count
            synced = os.dup(file)
        try:
            self._sync(synced, inode, count)
        except OSError as error:
            raise JournalError(error.strerror or type(error).__name__) from None
        finally:
            os.close(synced)

    def compact(self, keep: Callable[[list[Revocation]], list[Revocation]], since: int) -> bool:
        """Leave out what `keep` does not return, once the file has doubled; return whether it was written anew."""
        head = self.head()
        if head is None or self.path.stat().st_size < 2 * head.size + COMPACT_BYTES:
            return False
        aside = self.path.with_name(f"{self.path.name}.new")  # one name, so that crashes leave one file at most
        with self._writing():
            head, contents = self.head(), self.read()
            if head is None or contents.damaged:  # the doctor shows what was damaged
                return False
            raw = b"".join(map(line, keep(contents.records)))
            head = Head(head.journal, max(head.since, since), len(raw))
            aside.unlink(missing_ok=True)
            try:
                _write_whole(aside, line(head) + raw)
                os.replace(aside, self.path)
            except OSError:
                with suppress(OSError):
                    aside.unlink()
                raise
            sync_folder(self.path)
        return True

    def head(self) -> Head | None:
        """Return the first line; None when there is no file, or no journal in it. Raise JournalError."""
        if not self.path.exists():
            return None
        with self._open(os.O_RDONLY) as file:
            return read_head(os.pread(file, _HEAD_MAX, 0).partition(b"\n")[0])

    def read(self, after: str | None = None) -> Contents:
        """Return the records behind that of an event, or all when it is not found. Raise JournalError.

        The last line may be torn by a crash: its revocation was never acknowledged, and it is left out.
        """
        if not self.path.exists():
            return Contents([], 0)
        mark = b'"id":"%s"' % after.encode() if after else None
        with self._open(os.O_RDONLY) as file:
            size, reach = os.fstat(file).st_size, _TAIL
            while True:
                begin = max(0, size - reach) if mark else 0
                raw = os.pread(file, size - begin, begin)
                place = raw.rfind(mark) if mark else -1
                if place >= 0 or begin == 0:
                    break
                reach *= 4
        lines = raw[max(0, place) : raw.rfind(b"\n") + 1].split(b"\n")[1:-1]
        records = [read_record(one) for one in lines]
        kept = [record for record in records if record is not None]
        return Contents(kept, len(records) - len(kept))

    def stamp(self) -> tuple[int, int] | None:
        """Return inode and size of the file, which change with every append; None when there is no file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        try:
            file = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(file).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    raise JournalError(f"others can write the file: run `chmod 600 {self.path}`")
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise JournalError(error.strerror or type(error).__name__) from None

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """Open and lock the file that has the name once the lock is held: a compaction replaces it."""
        while True:
            with self._open(os.O_RDWR | os.O_CREAT | os.O_APPEND) as file, locked(file, within=_LOCK_SECONDS):
                if os.fstat(file).st_ino == os.stat(self.path).st_ino:
                    yield file
                    return

    def _whole(self, file: int) -> int:
        """Cut a line that a crash has torn, begin an empty file, and return its length."""
        size = os.fstat(file).st_size
        while size:
            begin = max(0, size - _TAIL)
            place = os.pread(file, size - begin, begin).rfind(b"\n")
            if place >= 0:
                whole = begin + place + 1
                if whole < os.fstat(file).st_size:
                    os.ftruncate(file, whole)
                return whole
            size = begin
        os.ftruncate(file, 0)
        first = line(Head(f"jrn_{os.urandom(_ID_BYTES).hex()}", self._now()))
        _write(file, first)
        os.fsync(file)
        sync_folder(self.path)
        return len(first)

    def _sync(self, file: int, inode: int, count: int) -> None:
        """Wait until the first `count` appends are on the disk: often another thread has just seen to that."""
        with self._syncing:
            if self._synced >= count:
                return
            of, written = self._written
            os.fdatasync(file)
            # Later appends went to another file if this one was replaced meanwhile. Earlier ones were synced by that.
            self._synced = written if of == inode else count


def _write_whole(path: Path, raw: bytes) -> None:
    """Write a new file, and wait until it is on the disk."""
    with open(path, "xb", opener=lambda path, flags: os.open(path, flags | os.O_CLOEXEC, 0o600)) as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())


def _write(file: int, raw: bytes) -> None:
    while raw:
        raw = raw[os.write(file, raw) :]
