"""Access tokens whose signature was checked: remembered by a keyed digest until they expire, and never too many."""

from __future__ import annotations

import hashlib
import os

from tokenry.core.memo import KIB, Memo
from tokenry.core.token import Checked

_CHECKED_BYTES = 1500
BYTES_EACH = 2 * KIB
"""The bytes that a token is expected to take. Where tokens take more, fewer are remembered."""


class TokenMemory:
    """About `entries` tokens. That a signature holds stays true; whether the token does is asked every time."""

    def __init__(self, entries: int) -> None:
        self._bytes_max = entries * BYTES_EACH
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: with another key and no tokens."""
        self._tokens: Memo[bytes, Checked] = Memo(_size, bytes_max=self._bytes_max, each_max=32 * KIB)
        self._keyed = hashlib.blake2b(os.urandom(32), digest_size=16)  # its first bytes are the key

    def get(self, text: str) -> Checked | None:
        """Return a token that was checked before, or None."""
        return self._tokens.get(self._digest(text)) if self._bytes_max else None

    def put(self, text: str, token: Checked) -> None:
        """Remember a token."""
        if self._bytes_max:
            self._tokens.put(self._digest(text), token)

    def __len__(self) -> int:
        return len(self._tokens)

    def _digest(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()


def _size(digest: bytes, token: Checked) -> int:
    return _CHECKED_BYTES + 3 * len(token.payload)
