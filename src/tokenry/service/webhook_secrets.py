"""Secrets of endpoints at rest: encrypted under the keyring, and bound to tenant, endpoint and URL.

A writer of the database without the keyring can neither read a secret nor send deliveries elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenry.core.keyring import Generation, Keyring
from tokenry.core.ports import Rows
from tokenry.core.secret import joined
from tokenry.core.webhook_ports import Endpoint

from .sealed_keys import NONCE
from .webhook_signing import WebhookSecret, dump_secrets, load_secrets


def seal(
    generation: Generation, nonce: bytes, secrets: Sequence[WebhookSecret], tenant_id: str, id: str, url: str
) -> bytes:
    """Return secrets as they are stored."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bound = joined("tokenry/webhook/1", tenant_id, id, url)
    return nonce + AESGCM(generation.webhook_key).encrypt(nonce, dump_secrets(secrets), bound)


def opened(endpoint: Endpoint, keyring: Keyring) -> tuple[WebhookSecret, ...]:
    """Return the secrets of an endpoint, the newest first; none when the row is forged."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    generation = keyring.get(endpoint.generation_id)
    if generation is None:
        return ()
    bound = joined("tokenry/webhook/1", endpoint.tenant_id, endpoint.webhook.id, endpoint.webhook.url)
    sealed = endpoint.sealed
    try:
        return load_secrets(AESGCM(generation.webhook_key).decrypt(sealed[:NONCE], sealed[NONCE:], bound))
    except (InvalidTag, ValueError):
        return ()


def reseal(rows: Rows, keyring: Keyring, old: str, now: int) -> None:
    """Encrypt anew what is encrypted under a generation that is going to be dropped."""
    newest = keyring.signing(now)
    if newest.id == old:
        return
    for endpoint in rows.webhooks.sealed_under(old):
        secrets = opened(endpoint, keyring)
        if secrets:
            webhook = endpoint.webhook
            nonce = endpoint.sealed[:NONCE]
            sealed = seal(newest, nonce, secrets, endpoint.tenant_id, webhook.id, webhook.url)
            rows.webhooks.reseal(endpoint, sealed, newest.id)
