"""The key format, version 1: `{prefix}_{v}{kid}{secret}{tag}{crc}`, and its stored form.

Everything after the last underscore has a fixed width, so a key is parsed by slices. The checksum is public (a scanner
needs it), the tag is keyed (a made-up key is refused without the database), and the digest binds the whole key to its
row, so that a row copied to another key or tenant opens nothing.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode
from functools import lru_cache
from hashlib import sha256
from typing import Any, NoReturn
from zlib import crc32

import msgspec

from .base62 import encode, encode_checksum, encode_tag

VERSION = "1"
KID, SECRET, TAG, CRC = 16, 43, 8, 6
TAIL = len(VERSION) + KID + SECRET + TAG + CRC
PREFIX_MAX = 24
LENGTH_MAX = PREFIX_MAX + 1 + TAIL
_DIGEST = "16:tokenry/secret/1"
_BLOCK = 64

SCAN_PATTERN = rf"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)*_{VERSION}[0-9A-Za-z]{{{TAIL - 1}}}\b"
"""The pattern for secret scanners; `parse` then checks the checksum."""


class Secret:
    """A secret that is handed out once.

    `str()` and formatting give the text: with them a program passes it on. Nothing else does: no repr, no pickle, no
    copy, no JSON.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __getstate__(self, *arguments: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied: pass str(secret) on, knowingly")

    __reduce__ = __reduce_ex__ = __copy__ = __deepcopy__ = __getstate__


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A well-formed key in its parts; says nothing yet about who made it."""

    prefix: str
    kid: str
    body: str
    tag: str

    def __repr__(self) -> str:
        return f"Parsed(kid={self.kid!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in a console or a traceback that asks for it."""
        return [("kid", self.kid)]


def is_prefix(text: str) -> bool:
    """Tell whether `text` is `[a-z][a-z0-9]*(_[a-z0-9]+)*` of at most 24 characters."""
    if not (text.isascii() and len(text) <= PREFIX_MAX and text[:1].isalpha() and text.islower()):
        return False
    return all(part.isalnum() for part in text.split("_"))


def has_form(text: str) -> bool:
    """Tell whether a text looks like a key, whatever its checksum says."""
    return len(text) <= LENGTH_MAX and _FORM.fullmatch(text) is not None


def parse(text: str) -> Parsed | None:
    """Return the parts of a key with a right checksum, or None for anything else."""
    if not has_form(text) or text[-CRC:] != encode_checksum(crc32(text[:-CRC].encode())):
        return None
    begin = len(text) - TAIL + 1
    return Parsed(text[: begin - 2], text[begin : begin + KID], text[: -TAG - CRC], text[-TAG - CRC : -CRC])


_FORM = re.compile(rf"\A[a-z][a-z0-9]*(?:_[a-z0-9]+)*_{VERSION}[0-9A-Za-z]{{{TAIL - 1}}}")
# The prefix is public and may be missing. A mistyped key is found too, since it still gives the secret away.
_WHOLE = re.compile(rf"(?<![0-9A-Za-z]){VERSION}[0-9A-Za-z]{{{TAIL - 1}}}(?![0-9A-Za-z])")
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,})\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}")
_KEYRING = re.compile(r"tokenry-keyring\s+[0-9]+(?:\s*[;\r\n]|\\[rn])")


def holds_credential(text: str) -> bool:
    """Tell whether a text holds a whole key or refresh token, an access token or a keyring.

    Such a text must not be stored: readers of records, the audit log or events would read a credential.
    """
    if len(text) >= TAIL and any(not found[0].islower() for found in _WHOLE.finditer(text)):
        return True
    if "eyJ" in text and any(_is_access_token(found[1]) for found in _TOKEN.finditer(text)):
        return True
    return "tokenry-keyring" in text and _KEYRING.search(text) is not None


def _is_access_token(header: str) -> bool:
    try:
        return b"at+jwt" in urlsafe_b64decode(header + "=" * (-len(header) % 4)).lower()
    except ValueError:
        return False


def mint(prefix: str, kid: str, secret_bits: bytes, tag_key: bytes) -> str:
    """Return the text of a key made of 256 secret bits."""
    body = f"{prefix}_{VERSION}{kid}{encode(int.from_bytes(secret_bits, 'big'), SECRET)}"
    tagged = body + tag_of(tag_key, body)
    return tagged + encode_checksum(crc32(tagged.encode()))


def make_kid(entropy: bytes) -> str:
    """Return a kid from 16 random bytes."""
    return encode(int.from_bytes(entropy[:16], "big") % 62**KID, KID)


def tag_of(tag_key: bytes, body: str) -> str:
    """Return the 47-bit tag that only a holder of the keyring can make."""
    return encode_tag(int.from_bytes(keyed_digest(tag_key, body.encode())[:6], "big") >> 1)


def same_tag(parsed: Parsed, tag_key: bytes) -> bool:
    """Tell, in constant time, whether a key was made by a holder of `tag_key`."""
    return hmac.compare_digest(tag_of(tag_key, parsed.body), parsed.tag)


def digest_of(pepper: bytes, kid: str, tenant_id: str, key_id: str, text: str) -> bytes:
    """Return the stored digest of a secret. It is bound to kid, key and tenant, and useless without the pepper."""
    bound = f"{_DIGEST}{len(kid)}:{kid}{len(tenant_id)}:{tenant_id}{len(key_id)}:{key_id}{len(text)}:{text}"
    return keyed_digest(pepper, bound.encode())  # `joined`, written out: every lookup needs one


def keyed_digest(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256 at half the price of `hmac.digest`: the pads of the few keys there are stay hashed."""
    pads = _pads(key)
    inner, outer = pads[0].copy(), pads[1].copy()
    inner.update(message)
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest


@lru_cache(maxsize=64)
def _pads(key: bytes) -> tuple[Any, Any]:
    block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))


def joined(*parts: str) -> bytes:
    """Join texts so that no two different lists give the same bytes: every part stands behind its length.

    Members of an enumeration count as the texts that databases keep of them, which is not what `format` gives.
    """
    return "".join([f"{len(part)}:" + part for part in parts]).encode("utf-8", "surrogatepass")
