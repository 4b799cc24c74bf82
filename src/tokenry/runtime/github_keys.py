"""The public keys that GitHub signs its reports with, from a file or a URL, kept for an hour."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tokenry.core.errors import ConfigError, NotAllowed
from tokenry.core.targets import Network

_BYTES_MAX: Final = 1 << 18
_KEPT_SECONDS: Final = 3600
_PAUSE_SECONDS: Final = 60
_log = logging.getLogger("tokenry")


class GithubKeys:
    """Reads the document of public keys when it is needed.

    Anybody can name an unknown key, so that such a name makes this read again once a minute at most. While the source
    fails, the last document that was read goes on to be used.
    """

    def __init__(
        self, source: str, networks: Sequence[Network] = (), *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self.source = source
        self._networks = networks
        self._seconds = seconds
        self._document: Mapping[str, Any] | None = None
        self._ids: frozenset[str] = frozenset()
        self._read_at = self._tried_at = self._renewed_at = -float("inf")
        self.forget()

    def forget(self) -> None:
        """Begin anew after a fork: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def recall(self, identifier: str) -> Mapping[str, Any] | None:
        """Return the document that names a key; None when it has to be read first.

        Raise NotAllowed for a key that is not in it, and ConfigError when it cannot be read.
        """
        if not self.source:
            raise ConfigError("set github_keys to a file or the URL of GitHub's public keys, or pass public_keys=")
        now, document = self._seconds(), self._document
        if now - self._read_at >= _KEPT_SECONDS and now - self._tried_at >= _PAUSE_SECONDS:
            return None
        if document is None:
            raise ConfigError("GitHub's public keys cannot be read from what github_keys names: the log says why")
        if identifier in self._ids:
            return document
        if now - self._renewed_at >= _PAUSE_SECONDS:
            return None
        raise NotAllowed("the key that this report names is not among GitHub's public keys: nothing was done")

    def document(self, identifier: str) -> Mapping[str, Any]:
        """Return the document that names a key, read now if that is due; raise as `recall` does."""
        while (found := self.recall(identifier)) is None:
            with self._lock:
                if self.recall(identifier) is None:
                    self._renew()
        return found

    def _renew(self) -> None:
        is_first = self._document is None
        try:
            document = json.loads(self._text())
            ids = [one["key_identifier"] for one in document["public_keys"]]
            self._document, self._ids = document, frozenset(ids)
            self._read_at = self._seconds()
        except OSError as failure:
            _log.warning("github_keys: the public keys cannot be read: %s", failure)
        except (ValueError, TypeError, KeyError, RecursionError):
            _log.warning("github_keys: this is not the document of GitHub's public keys")
        finally:
            self._tried_at = self._seconds()
            if not is_first:
                self._renewed_at = self._tried_at

    def _text(self) -> bytes:
        if "://" not in self.source:
            with open(self.source, "rb") as file:
                return file.read(_BYTES_MAX)
        # Imported late, since it loads TLS and HTTP.
        from .posting import Poster

        return Poster(self._networks).read(self.source, _BYTES_MAX)
