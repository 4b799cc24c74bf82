"""GitHub's form of leak reports: a JSON array, signed with ECDSA P-256 over the bytes of the body."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from tokenry.core.errors import Invalid, NotAllowed
from tokenry.core.leaks import LeakReport

BODY_MAX: Final = 1 << 20
MATCHES_MAX: Final = 1000
_KEYS_MAX: Final = 64


class Match(msgspec.Struct):
    """One credential that GitHub has found."""

    token: str
    type: str | None = ""
    url: str | None = ""
    source: str | None = ""

    def __repr__(self) -> str:
        return "Match(…)"


def read_matches(body: bytes, identifier: str, signature: str, public_keys: Any) -> Sequence[Match]:
    """Return the matches in a body; raise NotAllowed unless one of GitHub's keys has signed these very bytes.

    `public_keys` is the document of `https://api.github.com/meta/public_keys/secret_scanning`. A match that cannot be
    read is left out: the others may name keys that must be revoked. Raise Invalid if none can be read.
    """
    if len(body) > BODY_MAX:
        raise Invalid.one("body", "too_long", f"a report has at most {BODY_MAX} bytes")
    if not _is_signed(body, signature, _key(identifier, public_keys)):
        raise NotAllowed("this report was not signed by the key that it names: nothing was done")
    try:
        raw = msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.MsgspecError:
        raw = []
    if len(raw) > MATCHES_MAX:
        raise Invalid.one("body", "too_many", f"a report holds at most {MATCHES_MAX} matches")
    found = [match for match in map(_match, raw) if match is not None]
    if not found and body.strip() != b"[]":
        raise Invalid.one("body", "bad_type", "a report is a JSON array of objects with token, type, url, source")
    return found


def _match(raw: msgspec.Raw) -> Match | None:
    try:
        return msgspec.json.decode(raw, type=Match)
    except msgspec.MsgspecError:
        return None


def feedback(match: Match, report: LeakReport) -> dict[str, str]:
    """Return the answer to GitHub about one credential, which is named by its hash."""
    digest = sha256(match.token.encode("utf-8", "surrogatepass")).hexdigest()
    return {"token_hash": digest, "token_type": match.type or "", "label": report.label}


def _key(identifier: str, public_keys: Any) -> Any:
    listed = public_keys.get("public_keys") if isinstance(public_keys, Mapping) else None
    for one in listed[:_KEYS_MAX] if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and one.get("key_identifier") == identifier:
            return one.get("key")
    raise NotAllowed("the key that this report names is not among the public keys: read them from GitHub again")


def _is_signed(body: bytes, signature: str, pem: Any) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(str(pem).encode())
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(b64decode(signature, validate=True), body, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, TypeError, binascii.Error):
        return False
    return True
