"""A file encrypted for a passphrase (scrypt) or a recipient (X25519), in blocks of AES-256-GCM.

The nonce of a block is its number, and says whether it is the last one: a file that was cut, or whose blocks were
moved, does not open. Everything that the header says is bound to each block.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, Final

from tokenry.core.errors import ConfigError

MAGIC: Final = b"tokenry-export 1\n"
RECIPIENT: Final = "tkrcpt_"
IDENTITY: Final = "tkident_"
_BLOCK: Final = 1024 * 1024
_HEADER_MAX: Final = 4096
_N, _R, _P = 2**15, 8, 1
_WRONG = "this export cannot be opened: the passphrase or the identity is another one, or the file was changed or cut"


def new_identity(entropy: Callable[[int], bytes]) -> tuple[str, str]:
    """Return a secret identity, and the recipient that others encrypt for."""
    raw = entropy(32)
    return IDENTITY + _b64(raw), RECIPIENT + _b64(_private(raw).public_key().public_bytes_raw())


def write(
    lines: Iterable[bytes],
    stream: IO[bytes],
    entropy: Callable[[int], bytes],
    *,
    passphrase: str | None = None,
    recipient: str | None = None,
) -> None:
    """Write lines, encrypted for the holder of a passphrase or of the identity of a recipient."""
    if (passphrase is None) == (recipient is None):
        raise ConfigError("an export is encrypted: give either a passphrase or a recipient")
    header, key = _made(entropy, passphrase, recipient)
    head = json.dumps(header).encode() + b"\n"
    stream.write(MAGIC + head)
    number, waiting = 0, bytearray()
    for line in lines:
        waiting += line + b"\n"
        while len(waiting) > _BLOCK:
            _put(stream, key, head, number, bytes(waiting[:_BLOCK]), is_last=False)
            del waiting[:_BLOCK]
            number += 1
    _put(stream, key, head, number, bytes(waiting), is_last=True)


def read(stream: IO[bytes], *, passphrase: str | None = None, identity: str | None = None) -> Iterator[bytes]:
    """Yield the lines of an export; raise ConfigError when a block does not open, or something follows the last."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise ConfigError("this file is no export of Tokenry")
    head = stream.readline(_HEADER_MAX)
    key = _opened(head, passphrase, identity)
    number, rest, is_last = 0, b"", False
    while not is_last:
        size = stream.read(5)
        length = int.from_bytes(size[1:], "big")
        if len(size) < 5 or length > _BLOCK + 16:
            raise ConfigError(_WRONG)
        is_last = size[0] == 1
        block = _got(key, head, number, stream.read(length), is_last=is_last)
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        number += 1
    if rest or stream.read(1):
        raise ConfigError(
            "something follows the end of this export, so it is not the file that was written: copy it again"
        )


def _made(
    entropy: Callable[[int], bytes], passphrase: str | None, recipient: str | None
) -> tuple[dict[str, Any], bytes]:
    if passphrase is not None:
        if len(passphrase) < 12:
            raise ConfigError("the passphrase of an export has at least 12 characters")
        salt = entropy(16)
        return {"kdf": "scrypt", "n": _N, "r": _R, "p": _P, "salt": _b64(salt)}, _of_passphrase(passphrase, salt)
    assert recipient is not None
    public, ephemeral = _raw(recipient, RECIPIENT), _private(entropy(32))
    mine = ephemeral.public_key().public_bytes_raw()
    return {"kdf": "x25519", "ephemeral": _b64(mine), "recipient": recipient}, _agreed(ephemeral, public, mine, public)


def _opened(head: bytes, passphrase: str | None, identity: str | None) -> bytes:
    try:
        header = json.loads(head)
        if header["kdf"] == "scrypt" and (header["n"], header["r"], header["p"]) == (_N, _R, _P):
            if passphrase is None:
                raise ConfigError(
                    "this export is encrypted with a passphrase: pass it as --passphrase-file FILE (passphrase=)"
                )
            return _of_passphrase(passphrase, _unb64(header["salt"]))
        if header["kdf"] == "x25519":
            if identity is None:
                raise ConfigError(
                    "this export is encrypted for a recipient: pass the identity that belongs to it as "
                    "--identity-file FILE (identity=)"
                )
            private = _private(_raw(identity, IDENTITY))
            ephemeral, mine = _unb64(header["ephemeral"]), private.public_key().public_bytes_raw()
            return _agreed(private, ephemeral, ephemeral, mine)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ConfigError(_WRONG)


def _of_passphrase(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=64 * 1024 * 1024, dklen=32)


def _agreed(private: Any, public: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    return HKDF(hashes.SHA256(), 32, ephemeral + recipient, b"tokenry/export/1").derive(shared)


def _private(raw: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(raw)


def _raw(text: str, prefix: str) -> bytes:
    text, raw = text.strip(), b""
    with suppress(ValueError):
        raw = _unb64(text.removeprefix(prefix)) if text.startswith(prefix) else b""
    if len(raw) != 32:
        raise ConfigError(
            f"this is no key for exports, which begins with {prefix}: run `tokenry export --new-identity FILE`"
        )
    return raw


def _put(stream: IO[bytes], key: bytes, head: bytes, number: int, block: bytes, *, is_last: bool) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = AESGCM(key).encrypt(_nonce(number, is_last=is_last), block, head)
    stream.write(bytes([is_last]) + len(sealed).to_bytes(4, "big") + sealed)


def _got(key: bytes, head: bytes, number: int, sealed: bytes, *, is_last: bool) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(_nonce(number, is_last=is_last), sealed, head)
    except (InvalidTag, ValueError):
        raise ConfigError(_WRONG) from None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
