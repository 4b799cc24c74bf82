"""Sending webhooks: claim endpoints, try the deliveries that are due, and record the outcomes.

A worker may die at any moment. Deliveries that it sent but did not record are sent again with the same id and bytes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from tokenry.core.events import matches
from tokenry.core.model import Event, Tenant, micros, moment
from tokenry.core.webhook_ports import Claim, Cursor, Endpoint, Interrupted
from tokenry.core.webhooks import (
    ATTEMPTS_KEPT,
    HOLD_AFTER,
    HOLD_SECONDS,
    RETRY_AFTER_MAX,
    TEST_TYPE,
    Attempt,
    Delivery,
    DeliveryStatus,
    payload,
    wait_after,
    warning_due,
)

from .context import Context
from .webhook_secrets import opened
from .webhook_signing import Signer

LEASE_SECONDS: Final = 20
_BATCH: Final = 100
_WRITE_SECONDS: Final = 1.0
"""After so many seconds of sending, the outcomes are recorded before more is sent."""
_KEPT: Final = 1000
_GONE, _BUSY = 410, (429, 503)


class Outcome(NamedTuple):
    """The outcome of one attempt, and for how long the endpoint asked for no more requests."""

    attempt: Attempt
    retry_after: int | None = None


class Posting(Protocol):
    """Sends a request to a URL, within its limits (`runtime.posting`)."""

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, at: datetime) -> Outcome: ...


class _Item(NamedTuple):
    """Something to try: a delivery, whether its row exists, its event, and the place that the cursor then has."""

    delivery: Delivery
    is_new: bool
    event: Event | None
    place: Cursor | None


@dataclass(slots=True)
class _Batch:
    """The deliveries due to one endpoint, and their outcomes so far."""

    tenant: Tenant
    endpoint: Endpoint
    items: Sequence[_Item]
    cursor: Cursor
    new: list[Delivery] = field(default_factory=list)
    tried: list[Delivery] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)
    failure_count: int = 0
    failing_since: datetime | None = None
    pause_reason: str | None = None
    warning: int | None = None
    is_over: bool = False


def has_work(context: Context) -> bool:
    """Tell whether an endpoint has something to do that no worker does."""
    with context.store.read() as rows:
        return rows.webhooks.any_work(context.clock())


def claim(context: Context, holder: str, limit: int, *, healthy: bool = False) -> Sequence[Claim]:
    """Take endpoints that have something to do; with `healthy` only those whose last attempt succeeded."""
    with context.store.change(durable=False) as rows:
        return rows.webhooks.claim(holder, context.clock(), LEASE_SECONDS, limit, healthy=healthy)


def work(context: Context, claimed: Claim, post: Posting, is_over: Callable[[], bool] = lambda: False) -> int:
    """Send what is due at a claimed endpoint until nothing is, or `is_over`; return the number of attempts."""
    count = 0
    while True:
        context.renew_keyring()
        batch = _load(context, claimed)
        if batch is None:
            return count
        if is_over() or not (batch.items or batch.cursor != batch.endpoint.cursor):
            _release(context, claimed)
            return count
        sent = _send(context, batch, post, is_over)
        count += sent
        if not _write(context, claimed, batch):
            return count


def _load(context: Context, claimed: Claim) -> _Batch | None:
    """Read what is due; None when the endpoint is gone."""
    now = context.clock()
    with context.store.read() as rows:
        tenant = rows.tenants.by_id(claimed.tenant_id)
        endpoint = None if tenant is None else rows.webhooks.get(tenant, claimed.endpoint_id)
        if tenant is None or endpoint is None:
            return None
        webhook = endpoint.webhook
        is_live = webhook.status == "active" and endpoint.held_until <= now
        due = rows.webhooks.due(tenant, webhook.id, now, _BATCH, events=is_live)
        new = rows.webhooks.events(tenant, endpoint.cursor, _BATCH) if is_live else ()
    items = [_Item(one.delivery, False, one.event, None) for one in due]
    cursor = endpoint.cursor
    for place, event in new:
        if _is_told(webhook.types, webhook.id, event):
            items.append(_Item(_first(context, webhook.id, event), True, event, place))
        elif not any(item.is_new for item in items):
            cursor = place
    last = new[-1][0] if new else None
    # The cursor moves past the events after the last matching one together with that one.
    if last is not None and items and items[-1].is_new:
        items[-1] = items[-1]._replace(place=last)
    batch = _Batch(tenant, endpoint, items, cursor)
    batch.failure_count, batch.failing_since = webhook.failure_count, webhook.failing_since
    return batch


def _is_told(types: Sequence[str], webhook_id: str, event: Event) -> bool:
    if event.subject == webhook_id and event.type.startswith("webhook."):  # or a failure would be news for itself
        return False
    return any(matches(pattern, event.type) for pattern in types)


def _first(context: Context, webhook: str, event: Event) -> Delivery:
    return Delivery(
        id=context.new_id("whd"),
        webhook=webhook,
        event=event.id,
        type=event.type,
        kind="event",
        status="pending",
        created_at=context.now(),
        due_at=None,
        ended_at=None,
        attempt_count=0,
        attempts=(),
    )


def _send(context: Context, batch: _Batch, post: Posting, is_over: Callable[[], bool]) -> int:
    """Try one item after the other, in their order; return how many were."""
    began, count = time.monotonic(), 0
    secrets = opened(batch.endpoint, context.keyring())
    signer = Signer(secrets, context.clock())
    for item in batch.items:
        body = _body(item, batch)
        if body is None:
            gone = Attempt(context.now(), 0, None, "the event is no longer kept (event_retention): nothing was sent")
            attempts = (*item.delivery.attempts, gone)
            ended = replace(item.delivery, status="failed", due_at=None, ended_at=gone.at, attempts=attempts)
            batch.tried.append(ended)
            continue
        now = context.clock()
        if secrets:
            headers = signer.headers(item.delivery.event, now, body)
            try:
                outcome = post(batch.endpoint.webhook.url, headers, body, moment(now))
            except Interrupted:
                break
        else:
            error = "the secrets of this endpoint cannot be decrypted: nothing was sent"
            outcome = Outcome(Attempt(moment(now), 0, None, error))
        count += 1
        _record_outcome(context, batch, item, outcome)
        if item.place is not None:
            batch.cursor = item.place
        if batch.is_over or is_over() or time.monotonic() - began >= _WRITE_SECONDS:
            break
    return count


def _body(item: _Item, batch: _Batch) -> bytes | None:
    """Return the bytes to send; None when the event is gone."""
    delivery, webhook = item.delivery, batch.endpoint.webhook
    if item.event is not None:
        return payload(item.event, webhook.include)
    if delivery.kind != "test":
        return None
    result = Event(
        sequence=0,
        id=delivery.event,
        type=TEST_TYPE,
        at=delivery.created_at,
        tenant=batch.tenant.slug,
        subject=webhook.id,
        actor="",
        data={},
    )
    return payload(result, webhook.include)


def _record_outcome(context: Context, batch: _Batch, item: _Item, outcome: Outcome) -> None:
    """Update a delivery and the state of its endpoint after an attempt."""
    attempt, delivery = outcome.attempt, item.delivery
    attempts = (*delivery.attempts, attempt)[-ATTEMPTS_KEPT:]
    delivery = replace(delivery, attempts=attempts, attempt_count=delivery.attempt_count + 1)
    now = context.clock()
    if delivery.kind != "event":
        delivery = _ended(delivery, now, "delivered" if attempt else "failed")
    elif attempt:
        delivery = _ended(delivery, now, "delivered")
        if batch.failure_count:
            batch.health = {"failing_since": None, "failure_count": 0, "warned_hours": 0, "held_until": 0}
            batch.failure_count, batch.failing_since = 0, None
    else:
        delivery = _failed(context, batch, delivery, outcome)
    (batch.new if item.is_new else batch.tried).append(delivery)


def _ended(delivery: Delivery, now: int, status: DeliveryStatus) -> Delivery:
    return replace(delivery, status=status, due_at=None, ended_at=moment(now))


def _failed(context: Context, batch: _Batch, delivery: Delivery, outcome: Outcome) -> Delivery:
    now, attempt = context.now(), outcome.attempt
    batch.failure_count += 1
    batch.failing_since = since = batch.failing_since or now
    batch.health |= {"failure_count": batch.failure_count, "failing_since": since}
    asked = outcome.retry_after if attempt.http_status in _BUSY else None
    wait = wait_after(delivery.attempt_count, random.random(), asked)  # noqa: S311 - only spreads the load
    held = min(asked or 0, RETRY_AFTER_MAX)
    if batch.failure_count >= HOLD_AFTER:
        held = max(held, HOLD_SECONDS)
    if held:
        batch.health["held_until"] = now + timedelta(seconds=held)
        batch.is_over = True
    last_warned = batch.health.get("warned_hours", batch.endpoint.warned_hours)
    hours = warning_due(micros(since), last_warned, micros(now))
    if hours is not None:
        batch.warning = batch.health["warned_hours"] = hours
    if attempt.http_status == _GONE:
        batch.pause_reason = "the endpoint answered 410 Gone"
    elif wait is None and since <= delivery.created_at:
        batch.pause_reason = f"every attempt has failed since {since.isoformat(timespec='seconds')}"
    elif wait is None:
        return _ended(delivery, micros(now), "failed")
    if batch.pause_reason is not None:
        batch.is_over = True
        return replace(delivery, due_at=now)  # the resumed endpoint gets it
    return replace(delivery, due_at=now + timedelta(microseconds=wait or 0))


def _write(context: Context, claimed: Claim, batch: _Batch) -> bool:
    """Write what came of a batch and keep the endpoint; return False when another worker has it by now."""
    webhook, now = batch.endpoint.webhook, context.now()
    values: dict[str, Any] = {**batch.health}
    if batch.cursor != batch.endpoint.cursor:
        values["cursor_txid"], values["cursor_sequence"] = batch.cursor
    if batch.pause_reason is not None:
        values |= {"status": "paused", "pause_reason": batch.pause_reason, "paused_at": now}
        values |= {"version": webhook.version + 1, "updated_at": now}
    with context.store.change(durable=False) as rows:
        current = rows.webhooks.get(batch.tenant, webhook.id, lock=True)
        if current is not None and current.webhook.version != webhook.version:
            # Somebody has changed or resumed the endpoint meanwhile, so earlier outcomes say nothing about it.
            values = {name: value for name, value in values.items() if name.startswith("cursor_")}
            batch.pause_reason = batch.warning = None
        if not rows.webhooks.keep(claimed, micros(now), LEASE_SECONDS, values):
            return False
        rows.webhooks.add(claimed.tenant_id, batch.new)
        rows.webhooks.tried(claimed.tenant_id, batch.tried)
        change = context.recording(rows, batch.tenant)
        since = {} if batch.failing_since is None else {"failing_since": batch.failing_since.isoformat()}
        if batch.warning is not None:
            document = {"url": webhook.url, "hours": batch.warning, "failure_count": batch.failure_count, **since}
            change.tell("webhook.failing", webhook.id, document)
        if batch.pause_reason is not None:
            change.record("webhook.paused", webhook.id, None, {"reason": batch.pause_reason, "url": webhook.url})
        done = change.finish()
    if done.events:
        context.announce(done)
    return True


def _release(context: Context, claimed: Claim) -> None:
    with context.store.change(durable=False) as rows:
        if rows.webhooks.keep(claimed, context.clock(), 0, {}):
            rows.webhooks.trim(claimed.tenant_id, claimed.endpoint_id, _KEPT)
