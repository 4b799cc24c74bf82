"""Access tokens: signed JSON Web Tokens (RFC 7519, RFC 9068), read as strictly as they are written.

Three parts, base64url without padding and in one possible way only; a header of `alg`, `kid` and `typ` and nothing
else; the algorithm of the key, never that of the token. A token in any other form was not made here. `jti` comes last
and ends in a keyed tag over everything before it, so that a forged token costs two hashes and no signature.
"""

from __future__ import annotations

import binascii
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from .secret import TAG, tag_of

LENGTH_MAX = 8192
TYPE = "at+jwt"
RESERVED: Final = frozenset(
    (
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "tid",
        "sid",
        "gen",
        "key",
        "narrowed",
        "scope",
        "roles",
    )
)
"""Claims that say what Tokenry says; a caller's own claims never replace them."""

ALGORITHMS: Final = {"ES256": ("ES256", "EC"), "RS256": ("RS256", "RSA"), "Ed25519": ("EdDSA", "OKP"),
                     "HS256": ("HS256", "oct")}  # fmt: skip
"""The algorithms of keys: the `alg` of their tokens, and the type of the key."""

_RSA_BITS = (2048, 3072, 4096)
_RSA_EXPONENT = 65537
_HMAC_BYTES = 32
_HMAC_DISTINCT = 8
_END = b'"}'


class Header(NamedTuple):
    """The header of a token: all it may hold."""

    alg: str
    kid: str | None
    typ: str | None


class Parts(NamedTuple):
    """A well-formed token in its parts; says nothing yet about who signed it."""

    header: Header
    payload: bytes
    signature: bytes
    signed: bytes
    first: str

    def __repr__(self) -> str:
        """Show what may be logged: the rest together is the token."""
        return f"Parts({self.header!r})"


Seconds = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""A moment as every reader of JSON can hold it."""


class Claims(msgspec.Struct, frozen=True, gc=False):
    """The claims of every access token. `sid` and `gen` belong to sessions, `key` (a secret's kid) to derived ones."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: Seconds
    iat: Seconds
    jti: str
    client_id: str
    tid: str
    scope: str
    roles: tuple[str, ...] = ()
    sid: str | None = None
    gen: int | None = None
    key: str | None = None


class JoseKey:
    """A key for one algorithm, to verify with and, when it is private, to sign with."""

    __slots__ = ("_key", "_model", "algorithm", "first", "kid", "name")

    def __init__(self, kid: str, algorithm: str, key: Any) -> None:
        from joserfc.jws import JWSRegistry

        self.kid = kid
        self.algorithm = algorithm
        self.name = ALGORITHMS[algorithm][0]
        self.first = _encode(msgspec.json.encode({"alg": self.name, "typ": TYPE, "kid": kid}))
        self._model = JWSRegistry.algorithms[self.name]
        self._key = key

    def __repr__(self) -> str:
        return f"JoseKey({self.kid!r}, {self.algorithm!r})"

    def verifies(self, parts: Parts) -> bool:
        """Tell whether this key signed a token, by its own algorithm."""
        if parts.header.alg != self.name or parts.header.kid != self.kid:
            return False
        try:
            return bool(self._model.verify(parts.signed, parts.signature, self._key))
        except Exception:  # any error of the library about a hostile signature means that it is invalid
            return False

    def sign(self, signed: bytes) -> bytes:
        """Return the signature of some bytes."""
        signature: bytes = self._model.sign(signed, self._key)
        return signature

    def public(self) -> dict[str, Any]:
        """Return this key's entry in a JWKS."""
        shown: dict[str, Any] = self._key.as_dict(private=False)
        shown.pop("key_ops", None)
        return {**shown, "kid": self.kid, "use": "sig", "alg": self.name}

    def private(self) -> bytes:
        """Return the whole key, to be encrypted and stored."""
        whole: dict[str, Any] = self._key.as_dict(private=True)
        return json.dumps({**whole, "kid": self.kid, "use": "sig", "alg": self.name}).encode()


def generate(kid: str, algorithm: str) -> JoseKey:
    """Make a key pair. Its chance comes from the library, which asks the operating system."""
    from joserfc import jwk

    if algorithm == "ES256":
        return JoseKey(kid, algorithm, jwk.ECKey.generate_key("P-256", auto_kid=False))
    if algorithm == "Ed25519":
        return JoseKey(kid, algorithm, jwk.OKPKey.generate_key("Ed25519", auto_kid=False))
    return JoseKey(kid, algorithm, jwk.RSAKey.generate_key(_RSA_BITS[0], auto_kid=False))


def shared(kid: str, secret: bytes) -> JoseKey:
    """Return the key of a shared secret, for HS256."""
    from joserfc import jwk

    return JoseKey(kid, "HS256", jwk.OctKey.import_key(secret))


def key_of(found: Mapping[str, Any]) -> JoseKey | None:
    """Return the key of a JWK, or None for any that we would not have made: other kinds, weak, not for signing."""
    from joserfc import jwk

    kid, name = found.get("kid"), found.get("alg")
    algorithm = next((a for a, (alg, _) in ALGORITHMS.items() if alg == name), None)
    if not isinstance(kid, str) or algorithm is None or found.get("use", "sig") != "sig":
        return None
    kind = ALGORITHMS[algorithm][1]
    if found.get("kty") != kind or not set(found.get("key_ops", ("verify",))) & {"sign", "verify"}:
        return None
    classes: dict[str, Any] = {"EC": jwk.ECKey, "RSA": jwk.RSAKey, "OKP": jwk.OKPKey, "oct": jwk.OctKey}
    try:
        if kind == "RSA" and len(str(found.get("n"))) * 6 < _RSA_BITS[0]:
            return None  # before the library warns of it
        key = classes[kind].import_key({name: value for name, value in found.items() if name != "key_ops"})
        if not _is_strong(kind, key):
            return None
    except Exception:  # the library's many ways to say that this is no key
        return None
    return JoseKey(kid, algorithm, key)


def key_set(found: Iterable[Mapping[str, Any]]) -> dict[str, JoseKey]:
    """Return the keys of a set by `kid`; no keys when two share a kid, or when a shared secret is among others.

    A reader of such a set cannot know which key, or which kind of key, a token was meant for.
    """
    listed = list(found)
    kids = [one.get("kid") for one in listed]
    kinds = {one.get("kty") == "oct" for one in listed}
    if len(set(kids)) != len(kids) or len(kinds) > 1:
        return {}
    keys = [key for key in map(key_of, listed) if key is not None]
    return {key.kid: key for key in keys}


def is_strong_secret(secret: bytes) -> bool:
    """Tell whether a secret is long enough for HS256, and not the same few bytes again and again."""
    return len(secret) >= _HMAC_BYTES and len(set(secret)) >= _HMAC_DISTINCT


def _is_strong(kind: str, key: Any) -> bool:
    if kind == "oct":
        return is_strong_secret(key.get_op_key("verify"))
    if kind == "RSA":
        public = key.public_key
        return bool(public.key_size in _RSA_BITS and public.public_numbers().e == _RSA_EXPONENT)
    return bool(key.as_dict(private=False)["crv"] == {"EC": "P-256", "OKP": "Ed25519"}[kind])


def read(text: str) -> Parts | None:
    """Return the parts of a well-formed token, or None for anything else."""
    if len(text) > LENGTH_MAX or not text.isascii():
        return None
    segments = text.split(".")
    if len(segments) != 3:
        return None
    header = _header(segments[0])
    payload, signature = _decode(segments[1]), _decode(segments[2])
    if header is None or payload is None or signature is None:
        return None
    return Parts(header, payload, signature, text[: -len(segments[2]) - 1].encode(), segments[0])


def is_tagged(parts: Parts, tag_key: bytes) -> bool:
    """Tell, in constant time, whether a holder of `tag_key` wrote a token: before any signature is looked at."""
    payload = parts.payload
    if payload[-2:] != _END:
        return False
    try:
        expected = _tag(tag_key, parts.first, payload[: -TAG - 2])
    except UnicodeDecodeError:  # we write texts, and nothing else
        return False
    return hmac.compare_digest(expected.encode(), payload[-TAG - 2 : -2])


def claims_of(parts: Parts) -> Claims | None:
    """Return the claims of a token whose signature holds; None when one is missing or of another type."""
    try:
        # Decode the whole payload first, so that invalid UTF-8 in a claim we do not know is refused too.
        claims: Claims = _read_claims(parts.payload.decode())
        return claims
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def all_claims(payload: bytes) -> dict[str, Any]:
    """Return everything that a token says."""
    found: dict[str, Any] = msgspec.json.decode(payload)
    return found


def write(claims: Mapping[str, Any], unique: str, key: JoseKey, tag_key: bytes) -> str:
    """Return the text of a token: the claims, with `jti` (something unique and the tag) as the last of them."""
    begun = msgspec.json.encode({**claims, "jti": unique})[: -len(_END)]
    payload = begun + _tag(tag_key, key.first, begun).encode() + _END
    signed = f"{key.first}.{_encode(payload)}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def _tag(tag_key: bytes, first: str, begun: bytes) -> str:
    return tag_of(tag_key, f"{first}.{begun.decode()}")


def _header(segment: str) -> Header | None:
    raw = _decode(segment)
    try:
        found = json.loads(raw or b"", object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "alg" not in found or set(found) - {"alg", "kid", "typ"}:
        return None
    if not all(isinstance(value, str) for value in found.values()):
        return None
    return Header(found["alg"], found.get("kid"), found.get("typ"))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _decode(segment: str) -> bytes | None:
    """Return the bytes of base64url; None for padding, foreign characters and all but the one way to write them."""
    plain = segment.encode().translate(_TO_PLAIN)
    try:
        raw = binascii.a2b_base64(plain + b"==="[: -len(plain) % 4])
    except ValueError:
        return None
    return raw if binascii.b2a_base64(raw, newline=False).rstrip(b"=") == plain else None


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode()


_TO_PLAIN = bytes.maketrans(b"-_+/=", b"+/\0\0\0")  # characters outside base64url become invalid in base64, too
_TO_URL = bytes.maketrans(b"+/", b"-_")
_read_claims: Any = msgspec.json.Decoder(Claims).decode
