"""The ends of the audit chains, in a file beside the keyring: write access to the database does not reach them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from tokenry.core.model import Head

from .files import locked

_log = logging.getLogger("tokenry.audit")
_LOCK_SECONDS = 1


class HeadFile:
    """One head per tenant id. A caller replaces only the head that it has checked. Processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, tenant_id: str, head: Head, *, after: Head | None) -> bool:
        """Keep a head in place of `after`; return False when another one is kept there by now.

        A file that cannot be written is logged and does not stop anything.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "r+b") as stream, locked(stream.fileno(), within=_LOCK_SECONDS):
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


def _decode(raw: bytes) -> dict[str, Head]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Head]) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}  # cut short by a crash: the next seal writes it anew
