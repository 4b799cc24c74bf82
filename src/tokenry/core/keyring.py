"""The keyring: generations of one master secret, from which every other key is derived.

The newest generation whose time has come signs; all verify. Nothing here reads a file: see `tokenry.config`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import NoReturn

from .base62 import encode
from .errors import ConfigError
from .model import micros, moment

_HEADER = "tokenry-keyring 1"
_TEXT = re.compile(r"tokenry-keyring\s+[0-9]|[;\r\n]")
MATERIAL_BYTES = 32


class Generation:
    """One generation: an id that rows remember, and the keys derived from its master secret, each for one purpose."""

    def __init__(self, id: str, material: bytes, signs_from: int) -> None:
        self.id = id
        self.signs_from = signs_from
        self._material = material
        self._root = hmac.digest(b"tokenry/keyring/1", material, "sha256")

    def __repr__(self) -> str:
        return f"Generation({self.id!r}, signs_from={moment(self.signs_from).isoformat()})"

    def __getstate__(self, *arguments: object) -> NoReturn:
        raise TypeError("a generation of the keyring cannot be pickled or copied: keep it in its file alone")

    __reduce__ = __reduce_ex__ = __copy__ = __deepcopy__ = __getstate__

    def derive(self, domain: str) -> bytes:
        """Return the 256-bit key of one purpose (HKDF-SHA256, one block)."""
        return hmac.digest(self._root, f"tokenry/{domain}/1".encode() + b"\x01", "sha256")

    @cached_property
    def tag_key(self) -> bytes:
        return self.derive("tag")

    @cached_property
    def pepper(self) -> bytes:
        return self.derive("pepper")

    @cached_property
    def audit_key(self) -> bytes:
        return self.derive("audit")

    @cached_property
    def token_key(self) -> bytes:
        return self.derive("token")

    @cached_property
    def refresh_key(self) -> bytes:
        return self.derive("refresh")

    @cached_property
    def sealing_key(self) -> bytes:
        return self.derive("signing-key")

    @cached_property
    def webhook_key(self) -> bytes:
        return self.derive("webhook")

    @cached_property
    def portal_key(self) -> bytes:
        return self.derive("portal")

    @cached_property
    def foreign_key(self) -> bytes:
        return self.derive("foreign")

    @cached_property
    def foreign_sealing_key(self) -> bytes:
        return self.derive("foreign-hash")

    @cached_property
    def _document_mac(self) -> blake2b:
        return blake2b(key=self.derive("document"), digest_size=16)

    def document_mac(self, document: str) -> str:
        """Return the MAC of a grant document: keyed BLAKE2b, at a third of the price of an HMAC."""
        mac = self._document_mac.copy()
        mac.update(document.encode())
        return mac.hexdigest()

    @cached_property
    def canary(self) -> str:
        """A public value that tells this generation from any other without giving it away."""
        return self.derive("canary").hex()

    def line(self) -> str:
        """Return the line of the keyring file that holds this generation."""
        text = base64.urlsafe_b64encode(self._material).decode().rstrip("=")
        return f"{self.id} {text} {moment(self.signs_from).isoformat()}"


class Keyring:
    """All generations, oldest first."""

    def __init__(self, generations: Iterable[Generation]) -> None:
        self.generations = tuple(sorted(generations, key=lambda g: g.signs_from))
        self._by_id = {generation.id: generation for generation in self.generations}
        if not self.generations or len(self._by_id) != len(self.generations):
            raise ConfigError("the keyring needs at least one generation, and every generation an id of its own")

    def __repr__(self) -> str:
        return f"Keyring({list(self._by_id)})"

    def get(self, id: str) -> Generation | None:
        """Return the generation that a row names, or None when it has been dropped."""
        return self._by_id.get(id)

    def signing(self, now: int) -> Generation:
        """Return the newest generation whose time to sign has come; before any has, the oldest."""
        for generation in reversed(self.generations):
            if generation.signs_from <= now:
                return generation
        return self.generations[0]

    def dump(self) -> str:
        """Return the text of the keyring file."""
        return "\n".join([_HEADER, *(generation.line() for generation in self.generations), ""])

    def with_generation(self, generation: Generation) -> Keyring:
        """Return this keyring with one generation more."""
        return Keyring([*self.generations, generation])

    def without(self, id: str) -> Keyring:
        """Return this keyring without one generation."""
        return Keyring(g for g in self.generations if g.id != id)


def new_generation(entropy: bytes, signs_from: int) -> Generation:
    """Make a generation from 38 random bytes."""
    id = encode(int.from_bytes(entropy[32:37], "big") % 62**6, 6)
    return Generation(id, entropy[:MATERIAL_BYTES], signs_from)


def is_keyring_text(source: str) -> bool:
    """Tell the text of a keyring, even a broken one, from the path of its file."""
    return _TEXT.search(source) is not None


def parse_keyring(text: str) -> Keyring:
    """Read a keyring from the text of its file; raise ConfigError, never showing a part of it."""
    lines = [line.strip() for line in text.replace(";", "\n").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or lines[0] != _HEADER:
        raise ConfigError(
            f"this is not a keyring: its first line must be '{_HEADER}'. Make one with `tokenry secrets new`"
        )
    return Keyring(_parse_line(number, line) for number, line in enumerate(lines[1:], 1))


def _parse_line(number: int, line: str) -> Generation:
    try:
        id, text, since = line.split()
        material = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signs_from = datetime.fromisoformat(since).astimezone(UTC)
    except (ValueError, binascii.Error):
        message = f"generation {number} of the keyring cannot be read: it must be an id, a secret and a time"
        raise ConfigError(message) from None
    if len(material) < MATERIAL_BYTES or len(set(material)) < 8:
        raise ConfigError(f"generation {number} of the keyring is too weak: it needs {MATERIAL_BYTES} random bytes")
    return Generation(id, material, micros(signs_from))
