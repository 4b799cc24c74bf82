"""Webhooks: records, payload and schedule of the Standard Webhooks specification."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from .model import Event, micros, moment
from .policy import SECOND
from .secret import Secret

SCHEDULE: Final = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds before each attempt of a delivery, counted from the attempt before it."""
JITTER: Final = 0.2
"""How far a wait may be shorter or longer than the schedule says, as a share of it."""
RETRY_AFTER_MAX: Final = 24 * 3600
WARNING_HOURS: Final = (1, 24, 72)
"""After so many hours of failures `webhook.failing` is told."""
HOLD_AFTER: Final = 10
HOLD_SECONDS: Final = 60
"""After `HOLD_AFTER` failures in a row an endpoint gets one attempt every `HOLD_SECONDS`, until one succeeds."""
TEST_TYPE: Final = "webhook.test"
ATTEMPTS_KEPT: Final = 12
"""How many attempts of one delivery are kept; the oldest are dropped."""

DELIVERY_STATUSES: Final = ("pending", "delivered", "failed")

WebhookStatus: TypeAlias = Literal["active", "paused"]
DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed"]
DeliveryKind: TypeAlias = Literal["event", "replay", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint that events are sent to. `types` are names and patterns of events, `public_key` verifies v1a."""

    id: str
    tenant: str
    url: str
    description: str
    types: tuple[str, ...]
    include: str | None
    status: WebhookStatus
    pause_reason: str
    paused_at: datetime | None
    failing_since: datetime | None
    failure_count: int
    public_key: str
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver: when, how long it took, and the HTTP status and the first 1 KiB of the answer.

    `http_status` is None when there was no answer; `error` says why.
    """

    at: datetime
    duration_ms: int
    http_status: int | None
    error: str = ""
    excerpt: str = ""

    def __bool__(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint, with the attempts so far. `due_at` is when the next one is made."""

    id: str
    webhook: str
    event: str
    type: str
    kind: DeliveryKind
    status: DeliveryStatus
    created_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    attempt_count: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class CreatedWebhook:
    """An endpoint with its new secret, which is shown this once."""

    webhook: Webhook
    secret: Secret


@dataclass(frozen=True, slots=True)
class Replay:
    """How many events are sent once more, or in a dry run would be."""

    count: int
    dry_run: bool


def payload(event: Event, include: str | None) -> bytes:
    """Return the body that tells of an event: the same bytes at every attempt, since an event never changes."""
    data: dict[str, Any] = {
        "id": event.id,
        "tenant": event.tenant,
        "subject": event.subject,
        "actor": event.actor,
    }
    if "owner" in event.data:
        data["owner"] = event.data["owner"]
    if include == "object":
        data["object"] = dict(event.data)
    document = {"type": event.type, "timestamp": event.at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def wait_after(attempt_count: int, chance: float, retry_after: int | None = None) -> int | None:
    """Return the microseconds to wait after so many failed attempts, None when there is no other attempt.

    `chance` is from 0 to 1. An endpoint that asked for a longer wait gets it, up to a day.
    """
    if attempt_count >= len(SCHEDULE):
        return None
    seconds = SCHEDULE[attempt_count] * (1 + JITTER * (2 * chance - 1))
    return int(max(seconds, min(retry_after or 0, RETRY_AFTER_MAX)) * SECOND)


def read_retry_after(value: str | None, now: datetime) -> int | None:
    """Return the seconds that a `Retry-After` field asks to wait, from a number or a date; None for anything else."""
    if value is None:
        return None
    from email.utils import parsedate_to_datetime

    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(text)
        return max(0, min((micros(at) - micros(now)) // SECOND, RETRY_AFTER_MAX))
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def warning_due(failing_since: int, last: int, now: int) -> int | None:
    """Return the hours of the warning that is due since the one of `last` hours; None when none is."""
    reached = [hours for hours in WARNING_HOURS if now - failing_since >= hours * 3600 * SECOND]
    return reached[-1] if reached and reached[-1] > last else None


def dump_attempts(attempts: Iterable[Attempt]) -> str:
    """Return attempts as a delivery's row holds them."""
    rows = [[micros(one.at), one.duration_ms, one.http_status, one.error, one.excerpt] for one in attempts]
    return json.dumps(rows, separators=(",", ":"))


def load_attempts(stored: str) -> tuple[Attempt, ...]:
    """Return the attempts that a row holds."""
    return tuple([Attempt(moment(at), *rest) for at, *rest in json.loads(stored)])
