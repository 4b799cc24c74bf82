"""Hashes of keys as other systems store them, and the rules for accepting them.

A hash that is cheap to reverse (a checksum, an encryption) is refused, and so is one that is expensive to check.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from .errors import FieldError, shown

RAW: Final = "raw"
FAST: Final = {"sha256": "sha256", "sha512": "sha512", "sha512-256": "sha512_256"}
"""Schemes of one round, with the names that hashlib gives them."""
PBKDF2: Final = {"pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
SCHEMES: Final = (*FAST, "hmac-sha256", "bcrypt", *PBKDF2, "scrypt", "argon2id", RAW)

BCRYPT_COST_MAX: Final = 14
BCRYPT_BYTES: Final = 72
"""bcrypt reads no more bytes of a key than this."""
BCRYPT_PEPPER_MAX: Final = BCRYPT_BYTES - 16
"""How long a pepper before the key may be: behind 72 bytes of it, any text would be the key."""
ITERATIONS_MAX: Final = 2_000_000
SCRYPT_BYTES_MAX: Final = 64 * 1024 * 1024
SCRYPT_WORK_MAX: Final = 2**21
ARGON2_KIB_MAX: Final = 256 * 1024
ARGON2_WORK_MAX: Final = 1024 * 1024
ARGON2_LANES_MAX: Final = 16

_REVERSIBLE = "is reversible or easy to collide, so whoever reads it has the key: import the key itself as 'raw'"
_WEAK = "is too weak to stay: import the key itself as 'raw', or issue a new one"
_REFUSED: Final = {
    **dict.fromkeys(("murmur", "murmur2", "murmur3", "crc32", "adler32", "fnv1a", "xxhash", "xxh64"), _REVERSIBLE),
    **dict.fromkeys(("aes", "aes-gcm", "fernet", "base64", "plain", "plaintext", "rot13", "xor"), _REVERSIBLE),
    **dict.fromkeys(("md4", "md5", "sha1", "sha-1", "des-crypt"), _WEAK),
}
_ENCODINGS: Final = ("hex", "base64", "base64url", "text")
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./0-9A-Za-z]{53}", re.ASCII)
_ARGON2 = re.compile(
    r"\$argon2id\$v=(?:16|19)\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,4})\$[0-9A-Za-z+/]{8,256}\$[0-9A-Za-z+/]{16,256}",
    re.ASCII,
)
_BASE64URL = re.compile(r"[0-9A-Za-z_-]*={0,2}", re.ASCII)
_COMMON = frozenset(("pepper", "pepper_encoding", "pepper_use", "skip"))
_SALTED = frozenset(("salt", "salt_encoding"))
_PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(FAST, _COMMON | _SALTED | {"salt_place"}),
    "hmac-sha256": _COMMON | {"key", "key_encoding"},
    "bcrypt": _COMMON | {"truncates"},
    **dict.fromkeys(PBKDF2, _COMMON | _SALTED | {"iterations"}),
    "scrypt": _COMMON | _SALTED | {"n", "r", "p"},
    "argon2id": _COMMON,
    RAW: frozenset(),
}
_PEPPER_USES: Final = ("before", "after", "hmac-sha256", "hmac-sha512", "hmac-sha256-bytes")
SKIP_MAX: Final = 64


class Hash(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The hash of one key.

    `scheme` is one of `SCHEMES`. `value` is the hash in `encoding`: "hex", "base64" or "base64url". The value of bcrypt
    and Argon2id is the whole text that begins with `$`, and that of "raw" is the key itself. `params` are:

    - `salt` (with `salt_encoding`, by default "text") of sha*, pbkdf2-* and scrypt; for sha* also `salt_place`,
      "before" (the default) or "after" the key
    - `iterations` of pbkdf2-*; `n`, `r` and `p` of scrypt; `key` (with `key_encoding`) of hmac-sha256
    - `truncates` of bcrypt: true if the old system cut longer keys after 72 bytes
    - `pepper` (with `pepper_encoding` and `pepper_use`) of any: what the old system put "before" or "after" the key,
      or with which it made an "hmac-sha256" or "hmac-sha512" (in hexadecimal digits) of the key first, or an
      "hmac-sha256-bytes"
    - `skip` of any: how many characters at the beginning of the key were left out of the hash. The hint must hold them
    """

    scheme: str
    value: str
    encoding: str = "hex"
    params: dict[str, str | int | bool] = {}

    def __repr__(self) -> str:
        """Show what may be logged: a hash of a fast scheme, or a raw key, is not."""
        return f"Hash({self.scheme!r}, …)"


class Recipe(msgspec.Struct, array_like=True, frozen=True):
    """A hash that was read, as it is sealed into its row."""

    scheme: str
    digest: bytes
    salt: bytes = b""
    numbers: tuple[int, ...] = ()
    salt_last: bool = False
    pepper: bytes = b""
    pepper_use: str = ""
    skip: int = 0

    def __repr__(self) -> str:
        return f"Recipe({self.scheme!r}, …)"

    @property
    def is_slow(self) -> bool:
        """Whether a test takes milliseconds on purpose."""
        return self.scheme not in FAST and self.scheme != "hmac-sha256"

    @property
    def is_plain(self) -> bool:
        """Whether the hash is an unsalted digest of the key alone: then it is a lookup hint by itself."""
        return self.scheme in FAST and not (self.salt or self.pepper_use or self.skip)


def read_hash(given: Hash, errors: list[FieldError]) -> Recipe | None:
    """Return a hash as it is tested, with every mistake in `errors`; None for a raw key, or when it is refused."""
    scheme = given.scheme
    if scheme not in SCHEMES:
        reason = _REFUSED.get(scheme.lower(), f"is not known: use one of {', '.join(SCHEMES)}")
        errors.append(FieldError("hash.scheme", "unknown_scheme", f"{shown(scheme)} {reason}"))
        return None
    unknown = given.params.keys() - _PARAMETERS[scheme]
    if unknown:
        known = ", ".join(sorted(_PARAMETERS[scheme])) or "none"
        message = f"{shown(min(unknown))} is not a parameter of {scheme}: it has {known}"
        errors.append(FieldError("hash.params", "unknown_parameter", message))
        return None
    if scheme == RAW:
        return None
    before = len(errors)
    recipe = _READ[scheme](given, errors)
    return recipe if len(errors) == before else None


def plain_digest(scheme: str, text: str) -> str:
    """Return the unsalted digest of a key, in hexadecimal digits."""
    return hashlib.new(FAST[scheme], text.encode("utf-8", "surrogatepass")).hexdigest()


def decoded(value: str, encoding: str) -> bytes:
    """Return the bytes of a text; raise ValueError."""
    if encoding == "text":
        return value.encode()
    if encoding == "hex":
        return bytes.fromhex(value)
    if encoding == "base64":
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    if encoding == "base64url":
        if _BASE64URL.fullmatch(value) is None:
            raise ValueError("these are no characters of base64url")
        return base64.urlsafe_b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4))
    raise ValueError(f"{shown(encoding)} is not an encoding: use {', '.join(_ENCODINGS)}")


def _read_fast(given: Hash, errors: list[FieldError]) -> Recipe:
    size = 64 if given.scheme == "sha512" else 32
    place = given.params.get("salt_place", "before")
    if place not in ("before", "after"):
        errors.append(FieldError("hash.params.salt_place", "out_of_range", "is 'before' or 'after'"))
    salt = _bytes_of(given, "salt", errors)
    return Recipe(given.scheme, _value(given, errors, size), salt, (), place == "after", *_beside(given, errors))


def _read_hmac(given: Hash, errors: list[FieldError]) -> Recipe:
    key = _bytes_of(given, "key", errors, needed=True)
    return Recipe(given.scheme, _value(given, errors, 32), key, (), False, *_beside(given, errors))


def _read_pbkdf2(given: Hash, errors: list[FieldError]) -> Recipe:
    digest, salt = _value(given, errors), _bytes_of(given, "salt", errors, needed=True)
    blocks = -(-len(digest) // hashlib.new(PBKDF2[given.scheme]).digest_size)  # each takes all the rounds
    count = _number(given, "iterations", ITERATIONS_MAX // max(1, blocks), errors)
    return Recipe(given.scheme, digest, salt, (count,), False, *_beside(given, errors))


def _read_scrypt(given: Hash, errors: list[FieldError]) -> Recipe:
    digest, salt = _value(given, errors), _bytes_of(given, "salt", errors, needed=True)
    n, r, p = (_number(given, name, 2**20, errors) for name in ("n", "r", "p"))
    if n < 2 or n & (n - 1):
        errors.append(FieldError("hash.params.n", "out_of_range", "is a power of two, at least 2"))
    elif n >= 2 ** (16 * r):
        errors.append(FieldError("hash.params.n", "out_of_range", "is less than 2^(16·r), as scrypt demands"))
    elif 128 * r * max(n, 2 * p) > SCRYPT_BYTES_MAX or n * r * p > SCRYPT_WORK_MAX:
        message = f"needs more than {SCRYPT_BYTES_MAX >> 20} MiB, or n·r·p is more than {SCRYPT_WORK_MAX}"
        errors.append(FieldError("hash.params.n", "too_expensive", message))
    return Recipe(given.scheme, digest, salt, (n, r, p), False, *_beside(given, errors))


def _read_bcrypt(given: Hash, errors: list[FieldError]) -> Recipe:
    found = _BCRYPT.fullmatch(given.value)
    truncates = given.params.get("truncates", False)
    if not isinstance(truncates, bool):
        errors.append(FieldError("hash.params.truncates", "not_a_bool", "must be true or false"))
    if found is None:
        errors.append(FieldError("hash.value", "bad_hash", "is not a hash of bcrypt: $2b$12$… of 60 characters"))
    elif not 4 <= int(found[1]) <= BCRYPT_COST_MAX:
        message = f"has cost {int(found[1])}: from 4 to {BCRYPT_COST_MAX} are accepted"
        errors.append(FieldError("hash.value", "too_expensive", message))
    _needs("bcrypt", "bcrypt", errors)
    pepper, use, skip = _beside(given, errors)
    if use == "before" and len(pepper) > BCRYPT_PEPPER_MAX:
        message = f"with more than {BCRYPT_PEPPER_MAX} bytes before the key, bcrypt reads too little of the key itself"
        errors.append(FieldError("hash.params.pepper", "out_of_range", message))
    if use == "hmac-sha512" and truncates is False:
        message = f"bcrypt reads {BCRYPT_BYTES} bytes, and an HMAC of SHA-512 has 128 digits: say that it `truncates`"
        errors.append(FieldError("hash.params.truncates", "missing", message))
    value = given.value.encode() if found else b""
    return Recipe("bcrypt", value, b"", (int(truncates is True),), False, pepper, use, skip)


def _read_argon2(given: Hash, errors: list[FieldError]) -> Recipe:
    found = _ARGON2.fullmatch(given.value)
    if found is None:
        message = "is not a hash of Argon2id: $argon2id$v=19$m=65536,t=3,p=4$…$…"
        errors.append(FieldError("hash.value", "bad_hash", message))
    else:
        memory, times, lanes = map(int, found.groups())
        if memory > ARGON2_KIB_MAX or memory * times > ARGON2_WORK_MAX or not 1 <= lanes <= ARGON2_LANES_MAX:
            message = f"needs more than {ARGON2_KIB_MAX >> 10} MiB, or m·t is more than {ARGON2_WORK_MAX}"
            errors.append(FieldError("hash.value", "too_expensive", message))
    _needs("argon2", "argon2-cffi", errors)
    return Recipe("argon2id", given.value.encode() if found else b"", b"", (), False, *_beside(given, errors))


def _needs(module: str, package: str, errors: list[FieldError]) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        message = f"needs {package}, which is not installed: pip install 'tokenry[import]'"
        errors.append(FieldError("hash.scheme", "not_installed", message))


def _value(given: Hash, errors: list[FieldError], size: int = 0) -> bytes:
    try:
        value = decoded(given.value, given.encoding) if given.encoding != "text" else b""
    except (ValueError, binascii.Error):
        value = b""
    if len(value) == size or (not size and 16 <= len(value) <= 128):
        return value
    wanted = f"{size} bytes" if size else "16 to 128 bytes"
    message = f"is not a hash of {given.scheme}: {wanted} in hex, base64 or base64url, as `encoding` says"
    errors.append(FieldError("hash.value", "bad_hash", message))
    return b""


def _bytes_of(given: Hash, name: str, errors: list[FieldError], *, needed: bool = False) -> bytes:
    if not (given.params or needed):
        return b""
    value, encoding = given.params.get(name, ""), given.params.get(f"{name}_encoding", "text")
    place = f"hash.params.{name}"
    if not isinstance(value, str) or not isinstance(encoding, str):
        errors.append(FieldError(place, "not_a_text", "must be a text, and so must its encoding"))
        return b""
    try:
        found = decoded(value, encoding)
    except (ValueError, binascii.Error):
        message = f"cannot be read in the encoding {shown(encoding)}: use one of {', '.join(_ENCODINGS)}"
        errors.append(FieldError(place, "bad_encoding", message))
        return b""
    if len(found) > 512 or (needed and not found):
        errors.append(FieldError(place, "out_of_range", f"{given.scheme} needs 1 to 512 bytes here"))
    return found


def _number(given: Hash, name: str, most: int, errors: list[FieldError]) -> int:
    value = given.params.get(name)
    place = f"hash.params.{name}"
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        errors.append(FieldError(place, "not_a_number", f"{given.scheme} needs a number here"))
        return 1
    if value > most:
        errors.append(FieldError(place, "too_expensive", f"may be at most {most}, this is {value}"))
    return value


def _pepper(given: Hash, errors: list[FieldError]) -> tuple[bytes, str]:
    pepper, use = _bytes_of(given, "pepper", errors), given.params.get("pepper_use", "")
    if not pepper and not use:
        return b"", ""
    if not pepper or use not in _PEPPER_USES:
        message = f"a pepper needs both `pepper` and `pepper_use`, which is one of {', '.join(_PEPPER_USES)}"
        errors.append(FieldError("hash.params.pepper_use", "out_of_range", message))
    return pepper, str(use)


def _beside(given: Hash, errors: list[FieldError]) -> tuple[bytes, str, int]:
    """Return the parameters that every scheme may have: a pepper, its use, and the number of skipped characters."""
    skip = _number(given, "skip", SKIP_MAX, errors) if "skip" in given.params else 0
    return (*_pepper(given, errors), skip)


_READ: Final[Mapping[str, Callable[[Hash, list[FieldError]], Recipe]]] = {
    **dict.fromkeys(FAST, _read_fast),
    "hmac-sha256": _read_hmac,
    **dict.fromkeys(PBKDF2, _read_pbkdf2),
    "scrypt": _read_scrypt,
    "bcrypt": _read_bcrypt,
    "argon2id": _read_argon2,
}
