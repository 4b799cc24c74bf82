"""Where an instance has its keyring from, and what becomes of it while the instance runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from .config import fresh_keyring, keyring_source, read_keyring_file, write_keyring_file
from .core.errors import ConfigError
from .core.keyring import Keyring

_log = logging.getLogger("tokenry.keyring")
_GONE = 2


class KeyringSource:
    """Where an instance has its keyring from. A file is read again when it changes: a rotation needs no restart."""

    def __init__(self, source: str | Path | Keyring | None, beside: Path | None, *, ephemeral: bool) -> None:
        self._ephemeral = ephemeral
        self._missed = 0
        self.path: Path | None = None
        self._keyring: Keyring | None = None
        self._beside = beside if source is None else None
        found = None if source is None else keyring_source(source)
        if isinstance(found, Keyring):
            self._keyring = found
        elif found is not None:
            self.path = found
            self._read()
        elif beside is not None:
            self.path = beside
        self._seen = self._stamp()

    def get(self) -> Keyring:
        """Return the keyring; raise ConfigError when there is none."""
        if self._keyring is None:
            if self.path is None:
                raise ConfigError(
                    "this database needs a keyring: make one with `tokenry secrets new --out FILE` and pass it with "
                    "keyring=FILE or TOKENRY_KEYRING=FILE"
                )
            self._read()
        assert self._keyring is not None
        return self._keyring

    def check(self) -> None:
        """Raise ConfigError when there is no keyring and none may be made: before any table is."""
        if self._beside is None and not self._ephemeral:
            self.get()

    def embed(self, is_new: bool) -> None:
        """Make the keyring of an embedded database that is new; never one for a database that has rows."""
        if self._keyring is None and self._beside is not None and is_new and not self._beside.exists():
            write_keyring_file(self._beside, fresh_keyring())
        elif self._keyring is None and self._ephemeral:
            self._keyring = fresh_keyring()  # for a database in memory, which ends with this process

    def confirm(self, check: Callable[[Keyring], None]) -> None:
        """Let `check` pass the keyring; a file that was replaced since it was read is read once more before that."""
        while True:
            try:
                return check(self.get())
            except ConfigError:
                if self.path is None or self._stamp() == self._seen:
                    raise
                self._read()  # somebody has rotated it at this very moment

    def renew(self, check: Callable[[Keyring], None]) -> None:
        """Take the file over if it has changed and `check` lets it pass; otherwise go on with what there is."""
        stamp = self._stamp()
        self._miss()
        if self.path is None or self._keyring is None or stamp == self._seen:
            return
        try:
            renewed = read_keyring_file(self.path)
            check(renewed)
        except ConfigError as error:
            _log.error("the keyring has changed and is not taken over, the old one stays in use: %s", error)
        else:
            self._keyring = renewed
        self._seen = stamp

    def _miss(self) -> None:
        """Log once that the file is gone. Only the second look says so: it may be replaced at this moment."""
        self._missed = 0 if self.path is None or self.path.exists() else self._missed + 1
        if self._missed == _GONE:
            _log.error("the keyring %s is gone: put it back from your copy, or no process can start again", self.path)

    def _read(self) -> Keyring:
        assert self.path is not None
        self._seen = self._stamp()
        self._keyring = read_keyring_file(self.path)
        return self._keyring

    def _stamp(self) -> tuple[int, int] | None:
        """Return a value that changes when the file is written, replaced, or gets other permissions."""
        try:
            found = self.path.stat() if self.path else None
        except (OSError, ValueError):
            return self._seen if hasattr(self, "_seen") else None  # being replaced at this moment, or gone
        return (found.st_ctime_ns, found.st_ino) if found else None
