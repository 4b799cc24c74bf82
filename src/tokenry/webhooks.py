"""What a receiver of webhooks needs: verify that a request comes from your installation, and read its event."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from .service.webhook_signing import matches_signature, signed_content, verification_input

__all__ = ["BadSignature", "verify"]


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
