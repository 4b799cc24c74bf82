"""Signing keys at rest: encrypted under the keyring. Forged or moved rows are ignored."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from tokenry.core import jwt
from tokenry.core.keyring import Generation, Keyring
from tokenry.core.ports import Rows
from tokenry.core.secret import joined
from tokenry.core.signing import SHARED, SigningRow

NONCE = 12
_log = logging.getLogger("tokenry.signing")


def opened(rows: Sequence[SigningRow], keyring: Keyring) -> dict[str, jwt.JoseKey]:
    """Return the keys of rows by kid. Rows that were moved or cannot be decrypted are ignored."""
    found: dict[bool, list[Mapping[str, Any]]] = {True: [], False: []}
    for row in rows:
        generation = keyring.get(row.generation_id)
        private = _unsealed(row, generation) if generation else None
        if private is None:
            _log.error("the signing key %s cannot be decrypted with this keyring and is not used", row.kid)
        else:
            found[row.algorithm == SHARED].append(json.loads(private))
    return {**jwt.key_set(found[False]), **jwt.key_set(found[True])}


def reseal(rows: Rows, keyring: Keyring, old: str, now: int) -> None:
    """Encrypt anew what is encrypted under a generation that is going to be dropped."""
    newest = keyring.signing(now)
    generation = keyring.get(old)
    if generation is None or newest.id == old:
        return
    for row in rows.signing_keys.sealed_under(old):
        private = _unsealed(row, generation)
        if private is not None:
            sealed = seal(newest, row.sealed[:NONCE], private, row)
            rows.signing_keys.update(row.kid, {"sealed": sealed, "generation_id": newest.id})


def seal(generation: Generation, nonce: bytes, private: bytes, row: SigningRow) -> bytes:
    """Return a private key as it is stored: encrypted, and bound to its tenant, id and algorithm."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return nonce + AESGCM(generation.sealing_key).encrypt(nonce, private, _bound(row))


def _unsealed(row: SigningRow, generation: Generation) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(generation.sealing_key).decrypt(row.sealed[:NONCE], row.sealed[NONCE:], _bound(row))
    except (InvalidTag, ValueError):
        return None


def _bound(row: SigningRow) -> bytes:
    return joined("tokenry/signing-key/1", row.tenant_id, row.kid, row.algorithm)
