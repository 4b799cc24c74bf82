"""Access tokens whose signature was checked: remembered by a keyed digest until they expire, and never too many."""

from __future__ import annotations

import hashlib
import os
import threading

from tokenry.core.token import Checked


class TokenMemory:
    """At most `entries` tokens. That a signature holds stays true; whether the token does is asked every time."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: with another key and no tokens."""
        self._lock = threading.Lock()
        self._tokens: dict[bytes, Checked] = {}
        self._ring: list[bytes] = []  # every digest of the tokens, once
        self._hand = 0
        self._keyed = hashlib.blake2b(key=os.urandom(32), digest_size=16)

    def get(self, text: str) -> Checked | None:
        """Return a token that was checked before, or None."""
        return self._tokens.get(self._digest(text)) if self._tokens else None

    def put(self, text: str, token: Checked) -> None:
        """Remember a token, in place of the one that was remembered longest when there are too many."""
        if not self._entries:
            return
        digest = self._digest(text)
        with self._lock:
            if digest not in self._tokens:
                if len(self._ring) < self._entries:
                    self._ring.append(digest)
                else:
                    self._tokens.pop(self._ring[self._hand], None)
                    self._ring[self._hand] = digest
                    self._hand = (self._hand + 1) % self._entries
            self._tokens[digest] = token

    def __len__(self) -> int:
        return len(self._tokens)

    def _digest(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()
