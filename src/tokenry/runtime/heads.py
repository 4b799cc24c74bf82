"""The ends of the audit chains, kept in a file beside the keyring: where whoever writes the database does not reach."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tokenry.core.model import Head

_log = logging.getLogger("tokenry.audit")
_LOCK_SECONDS = 1


class HeadFile:
    """One head per tenant id, each only replaced by who has seen it lie on the chain. Processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, tenant_id: str, head: Head, *, after: Head | None) -> bool:
        """Keep a head in place of `after`; return False when another one is kept there by now.

        A file that cannot be written is logged and does not stop anything.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "r+b") as stream, _locked(stream.fileno()):
                heads = _decode(stream.read())
                if heads.get(tenant_id) != after:
                    return False
                heads[tenant_id] = head
                raw = msgspec.json.encode(heads)
                # Room first, in blanks that end the old text: on a full disk that text stays whole.
                stream.write(b" " * (len(raw) - stream.tell()))
                stream.flush()
                stream.seek(0)
                stream.write(raw)
                stream.truncate()
                stream.flush()
        except OSError as error:
            _log.warning("the head of the audit chain could not be kept in %s: %s", self._path, error.strerror)
        return True

    def get(self, tenant_id: str) -> Head | None:
        """Return the head that is kept for a tenant, or None."""
        try:
            return _decode(self._path.read_bytes()).get(tenant_id)
        except FileNotFoundError:
            return None


@contextmanager
def _locked(file: int) -> Iterator[None]:
    """Lock a file, and unlock it by a word: closing it would leave the lock with a child that was forked meanwhile."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.001)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _decode(raw: bytes) -> dict[str, Head]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Head]) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}  # cut short by a crash: the next seal writes it anew
