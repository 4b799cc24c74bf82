"""For receivers of webhooks: verify that a request comes from your installation, and read its event."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .core.errors import Invalid, shown
from .core.events import EVENT_TYPES
from .core.model import Event, micros
from .core.webhooks import Attempt, payload
from .service.webhook_signing import (
    SECRET_BYTES,
    Signer,
    WebhookSecret,
    matches_signature,
    signed_content,
    verification_input,
)

__all__ = ["BadSignature", "Forwarder", "sample", "verify"]


class BadSignature(ValueError):
    """The request is not from your installation, was changed, or is too old. Answer it with 400."""


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: timedelta = timedelta(minutes=5),
    now: float | None = None,
) -> dict[str, Any]:
    """Return the event of a webhook request; raise BadSignature.

    `body` is the body as it arrived, unparsed. `secrets` are one or several: `whsec_…` as shown when the endpoint was
    created or its secret was rotated, or its public key `whpk_…`. During a rotation either secret verifies. The
    timestamp may differ from the clock by `tolerance`; `now` is in seconds since the epoch. Repeats of an event have
    the same `webhook-id`: ignore those that you have seen.
    """
    raw = body.encode() if isinstance(body, str) else bytes(body)
    id, timestamp, signatures = verification_input(headers)
    if not (id and timestamp and signatures):
        raise BadSignature("webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise BadSignature("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance.total_seconds():
        raise BadSignature("webhook-timestamp is too far from this machine's clock: a repeat, or one clock is wrong")
    content = signed_content(id, timestamp, raw)
    known = [secrets] if isinstance(secrets, str) else secrets
    given = [one.partition(",") for one in signatures.split()[:16]]
    if not any(matches_signature(secret, content, version, value) for secret in known for version, _, value in given):
        raise BadSignature("no signature was made with one of these secrets")
    try:
        document = json.loads(raw)
    except ValueError:
        raise BadSignature("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadSignature("the body is not a JSON object")
    return document


class Forwarder:
    """Sends events to a receiver under development, signed with a secret of its own, each once.

    It reaches internal addresses: use it on your own machine, and with URLs that you chose yourself.
    """

    def __init__(self, url: str, *, include: str | None = None) -> None:
        """Make a secret; nothing is sent yet."""
        from .core.targets import networks
        from .runtime.posting import Poster

        self._url = url
        self._include = include
        self._secret = WebhookSecret(os.urandom(SECRET_BYTES), os.urandom(SECRET_BYTES))
        self._poster = Poster(networks("0.0.0.0/0 ::/0"))

    @property
    def secret(self) -> str:
        """The secret for the receiver."""
        return self._secret.text

    def send(self, event: Event) -> Attempt:
        """Send an event; return what came of it, which is truthy for an answer from 200 to 299."""
        at = datetime.now(UTC)
        body = payload(event, self._include)
        headers = Signer([self._secret], micros(at)).headers(event.id, micros(at), body)
        return self._poster(self._url, headers, body, at)[0]

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()


def sample(type: str) -> Event:
    """Return an event of a type that never happened, for trying a receiver; raise Invalid for an unknown type."""
    if type not in EVENT_TYPES:
        raise Invalid.one("type", "unknown_type", f"{shown(type)} is not an event type")
    id = f"evt_sample{time.time_ns()}"
    data = {"owner": "user-42"} if type.startswith(("key.", "session.")) else {}
    subject = "key_01k9v5m0q2x8r7c4t6y3w1" if type.startswith("key.") else "sample"
    return Event(
        sequence=0,
        id=id,
        type=type,
        at=datetime.now(UTC),
        tenant="default",
        subject=subject,
        actor="",
        data=data,
    )
