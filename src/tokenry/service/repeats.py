"""Calls that may be repeated: the same idempotency key gets the same answer for ten minutes, secret included.

The secret is not stored, not even sealed: it is derived from the keyring, the call and a random nonce, and only the
nonce is kept. A stolen database holds no part of the secret, and a caller who repeats the call gets it again.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from tokenry.core.chain import same
from tokenry.core.errors import Conflict, Invalid
from tokenry.core.keyring import Generation
from tokenry.core.model import Key, micros
from tokenry.core.ports import Answer
from tokenry.core.secret import joined

from .context import Change
from .owning import write_down
from .plain import plain

KEPT = timedelta(minutes=10)
_KEY_MAX = 255
_encode = msgspec.json.Encoder(enc_hook=str.__str__).encode
"""Takes a scope of a class that is derived from `str`, too."""


class Saved(msgspec.Struct, frozen=True):
    """The answer of a call, without its secret."""

    key: Key
    prefix: str


@dataclass(frozen=True, slots=True)
class Repeatable:
    """One call under its idempotency key: new, or answered before (`saved`)."""

    change: Change
    id: str
    arguments: str
    generation: Generation
    nonce: bytes
    saved: Saved | None = None

    def secret_bits(self) -> bytes:
        """Return the 256 secret bits that belong to this call."""
        return hmac.digest(self.generation.derive("repeated secret"), joined(self.id) + self.nonce, "sha256")

    def save(self, key: Key, prefix: str) -> None:
        """Keep the answer, in the transaction of the change."""
        answer = _encode(Saved(key, prefix)).decode()
        row = Answer(self.arguments, self.generation.id, self.nonce, answer, self.change.now + KEPT)
        self.change.rows.idempotency.insert(self.change.tenant, self.id, row)


def repeatable(change: Change, operation: str, idempotency_key: object, arguments: dict[str, Any]) -> Repeatable | None:
    """Look a call up by its idempotency key; None when it has none. Raise Conflict for other arguments."""
    if idempotency_key is None:
        return None
    if not isinstance(idempotency_key, str) or not 1 <= len(idempotency_key) <= _KEY_MAX:
        raise Invalid.one("idempotency_key", "bad_key", f"an idempotency key is a text of 1 to {_KEY_MAX} characters")
    write_down(change)
    keyring = change.context.keyring()
    message = json.dumps(plain(arguments), sort_keys=True, default=repr)
    change.rows.idempotency.delete_expired(change.now)
    for generation in reversed(keyring.generations):
        id, digest = _names(change, generation, operation, idempotency_key, message)
        found = change.rows.idempotency.get(change.tenant, id)
        if found is not None:
            if not same(found.arguments, digest):
                raise Conflict("this idempotency key was used with other arguments", field="idempotency_key")
            saved = msgspec.json.decode(found.answer, type=Saved)
            return Repeatable(change, id, digest, generation, found.nonce, saved)
    generation = keyring.signing(micros(change.now))
    id, digest = _names(change, generation, operation, idempotency_key, message)
    return Repeatable(change, id, digest, generation, change.context.entropy(32))


def _names(change: Change, generation: Generation, operation: str, key: str, arguments: str) -> tuple[str, str]:
    secret = generation.derive("idempotency")
    who = change.actor.identity  # never its name: others have the same, here and in other tenants
    id = hmac.digest(secret, joined("id", change.tenant.id, *who, operation, key), "sha256").hex()
    return id, hmac.digest(secret, joined("arguments", arguments), "sha256").hex()
