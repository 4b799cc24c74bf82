"""Signatures of webhooks by the Standard Webhooks specification: v1 (HMAC-SHA-256) and v1a (Ed25519)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenry.core.policy import SECOND

SECRET_BYTES: Final = 32
HMAC_PREFIX: Final = "whsec_"
PUBLIC_PREFIX: Final = "whpk_"


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The secrets of an endpoint from one rotation to the next: a key for HMAC and a seed for Ed25519."""

    key: bytes = field(repr=False)
    seed: bytes = field(repr=False)
    ends_at: int | None = None

    @property
    def text(self) -> str:
        """The secret as the receiver gets it."""
        return HMAC_PREFIX + base64.b64encode(self.key).decode()

    @property
    def public_key(self) -> str:
        """The public key that verifies v1a signatures."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PUBLIC_PREFIX + base64.b64encode(public.public_bytes_raw()).decode()


class Signer:
    """Signs with every secret of an endpoint that has not ended: each as v1 and as v1a, the newest first."""

    def __init__(self, secrets: Iterable[WebhookSecret], now: int) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._keys = [
            (one.key, Ed25519PrivateKey.from_private_bytes(one.seed))
            for one in secrets
            if one.ends_at is None or now < one.ends_at
        ]

    def headers(self, id: str, now: int, body: bytes) -> dict[str, str]:
        """Return the header fields of one attempt at a moment."""
        seconds = now // SECOND
        content = signed_content(id, str(seconds), body)
        signatures = []
        for key, private in self._keys:
            signatures += [f"v1,{_b64(hmac.digest(key, content, 'sha256'))}", f"v1a,{_b64(private.sign(content))}"]
        return {"webhook-id": id, "webhook-timestamp": str(seconds), "webhook-signature": " ".join(signatures)}


def signed_content(id: str, timestamp: str, body: bytes) -> bytes:
    """Return the bytes that a signature is about."""
    return f"{id}.{timestamp}.".encode() + body


def matches_signature(secret: str, content: bytes, version: str, signature: str) -> bool:
    """Tell whether a signature of one version was made with a secret (`whsec_…`) or for a public key (`whpk_…`)."""
    try:
        given = base64.b64decode(signature, validate=True)
        if version == "v1" and not secret.startswith(PUBLIC_PREFIX):
            key = base64.b64decode(secret.removeprefix(HMAC_PREFIX), validate=True)
            # Anybody can sign with nothing: a receiver whose setting is empty would believe them.
            return bool(key) and hmac.compare_digest(given, hmac.digest(key, content, "sha256"))
        return version == "v1a" and secret.startswith(PUBLIC_PREFIX) and _verifies(secret, content, given)
    except (ValueError, binascii.Error):
        return False


def _verifies(public_key: str, content: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = base64.b64decode(public_key.removeprefix(PUBLIC_PREFIX), validate=True)
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def dump_secrets(secrets: Sequence[WebhookSecret]) -> bytes:
    """Return secrets as they are encrypted."""
    return json.dumps([[_b64(one.key), _b64(one.seed), one.ends_at] for one in secrets]).encode()


def load_secrets(text: bytes) -> tuple[WebhookSecret, ...]:
    """Return the secrets that `dump_secrets` has written."""
    return tuple(WebhookSecret(base64.b64decode(k), base64.b64decode(s), end) for k, s, end in json.loads(text))


def verification_input(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Return id, timestamp and signatures of header fields, whatever their case; empty where one is missing."""
    folded = {str(name).lower(): str(value) for name, value in headers.items()}
    return tuple(folded.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))  # type: ignore[return-value]


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
