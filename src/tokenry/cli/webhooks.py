"""`tokenry webhooks`: endpoints that are told of events, and what became of the deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import counted

from .call import Call, TenantOption, command
from .credentials import SecretOut, hand_out, usage
from .documents import day
from .keys import Yes
from .lengths import length, past
from .output import document
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import CreatedWebhook, Delivery, Webhook

group = typer.Typer(help="Endpoints that are told of events by signed requests.", no_args_is_help=True)

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK_ID", help="The id of the endpoint, wh_….")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="A type of events, or a pattern such as key.*; may be repeated."),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]
Full = Annotated[
    bool | None, typer.Option("--full/--thin", help="Send the values that an event recorded, or only what happened.")
]
Since = Annotated[
    datetime | None, typer.Option("--since", parser=past, metavar="WHEN", help="From a moment, or a time ago: 12h.")
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=past, metavar="WHEN", help="Up to a moment, or a time ago.")
]


class Status(StrEnum):
    """Where a delivery is."""

    pending = "pending"
    delivered = "delivered"
    failed = "failed"


_COLUMNS = ("id", "url", "types", "status", "failures", "failing since")
_ATTEMPTS = ("id", "event", "type", "status", "attempts", "last answer", "next attempt")


@command(group, "create")
def create(
    call: Call,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events go: https://….")],
    types: Types = None,
    description: Description = None,
    full: Full = None,
    secret_out: SecretOut = None,
    tenant: TenantOption = None,
) -> None:
    """Create an endpoint. Its secret is shown this once: alone on stdout, or in the file of --secret-out."""
    given: dict[str, Any] = {"types": types or ["*"], "description": description or ""}
    given["include"] = "object" if full else None
    with call.managing(tenant) as tk:
        created = _hand_out(call, lambda: tk.webhooks.create(url, **given), secret_out)
    call.out.say(f"endpoint {created.webhook.id} is told of {', '.join(created.webhook.types)}")


@command(group, "list")
@paged
def list_webhooks(call: Call, show: List, tenant: TenantOption = None) -> None:
    """List endpoints, the oldest first."""
    with call.managing(tenant) as tk:
        show("webhooks", tk.webhooks.list, _COLUMNS, _row)


@command(group, "show")
def show(call: Call, id: WebhookId, tenant: TenantOption = None) -> None:
    """Show an endpoint: what it is told of, how it is doing, and the public key of its signatures."""
    with call.managing(tenant) as tk:
        _show(call, tk.webhooks.get(id))


@command(group, "update")
def update(
    call: Call,
    id: WebhookId,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Where events go.")] = None,
    types: Types = None,
    description: Description = None,
    full: Full = None,
    tenant: TenantOption = None,
) -> None:
    """Change an endpoint; what is not named stays as it is."""
    given: dict[str, Any] = {"url": url, "types": types, "description": description}
    given = {name: value for name, value in given.items() if value is not None}
    if full is not None:
        given["include"] = "object" if full else None
    with call.managing(tenant) as tk:
        _show(call, tk.webhooks.update(id, **given))


@command(group, "delete")
def delete(call: Call, id: WebhookId, yes: Yes = False, tenant: TenantOption = None) -> None:
    """Remove an endpoint, with everything that waits for it. To keep that, pause it."""
    with call.managing(tenant) as tk:
        webhook = tk.webhooks.get(id)
        call.confirm(f"Remove the endpoint {webhook.url} and what waits for it?", yes)
        tk.webhooks.delete(id)
    call.out.say(f"endpoint {id} is gone")
    call.out.record(deleted=id)


@command(group, "pause")
def pause(
    call: Call,
    id: WebhookId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; `show` tells it.")] = "",
    tenant: TenantOption = None,
) -> None:
    """Send nothing to an endpoint until it is resumed; what it misses is kept."""
    with call.managing(tenant) as tk:
        _show(call, tk.webhooks.pause(id, reason=reason))


@command(group, "resume")
def resume(call: Call, id: WebhookId, tenant: TenantOption = None) -> None:
    """Send to an endpoint again, first what it has missed; also end the waits of a failing one."""
    with call.managing(tenant) as tk:
        _show(call, tk.webhooks.resume(id))


@command(group, "rotate-secret")
def rotate_secret(
    call: Call,
    id: WebhookId,
    grace: Annotated[
        timedelta | None,
        typer.Option("--grace", parser=length, metavar="LENGTH", help="How long both secrets sign; 24h by default."),
    ] = None,
    secret_out: SecretOut = None,
    tenant: TenantOption = None,
) -> None:
    """Give an endpoint a new secret, shown this once. Until the grace is over, requests are signed with both."""
    given: dict[str, Any] = {} if grace is None else {"grace": grace}
    with call.managing(tenant) as tk:
        _hand_out(call, lambda: tk.webhooks.rotate_secret(id, **given), secret_out)
    call.out.say("give the new secret to the receiver before the grace is over")


@command(group, "test")
def send_test(call: Call, id: WebhookId, tenant: TenantOption = None) -> None:
    """Let the worker send the event `webhook.test` to an endpoint: one attempt, which `deliveries` shows."""
    with call.managing(tenant) as tk:
        made = tk.webhooks.test(id)
    call.out.say(f"{made.id} is sent by the worker: see `tokenry webhooks deliveries {id}`")
    call.out.record(delivery=made)


@command(group, "deliveries")
@paged
def deliveries(
    call: Call,
    *,
    id: WebhookId,
    status: Annotated[
        Status | None, typer.Option("--status", metavar="STATUS", help="Only pending, delivered or failed ones.")
    ] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """List deliveries to an endpoint, the newest first; with --json every attempt of each."""
    with call.managing(tenant) as tk:
        ask = partial(tk.webhooks.deliveries, id, status=None if status is None else status.value)
        show("deliveries", ask, _ATTEMPTS, _attempts)


@command(group, "replay")
def replay(
    call: Call,
    id: WebhookId,
    event: Annotated[str | None, typer.Option("--event", metavar="EVENT_ID", help="This event, evt_….")] = None,
    since: Since = None,
    until: Until = None,
    types: Types = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only events whose delivery has failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Send events to an endpoint once more, each with its old id: one attempt each."""
    if not (event or since or until or types or failed):
        usage(call.out, "say which: --event, --since, --until, --type or --failed")
    which: dict[str, Any] = {"event": event, "since": since, "until": until, "types": types, "failed": failed}
    with call.managing(tenant) as tk:
        found = tk.webhooks.replay(id, **which, dry_run=dry_run)
    call.out.say(f"{counted(found.count, 'event')} {'would be' if dry_run else 'will be'} sent once more")
    if call.out.json:
        call.out.document(document(found))


def _hand_out(call: Call, make: Callable[[], CreatedWebhook], secret_out: Path | None) -> CreatedWebhook:
    created = hand_out(call, make, secret_out, "webhook")
    call.out.say("its secret is shown this once" if secret_out is None else f"its secret is in {secret_out}")
    return created


def _show(call: Call, webhook: Webhook) -> None:
    if call.out.record(webhook=webhook):
        return
    pairs = [*zip(_COLUMNS, _row(webhook), strict=True), ("payload", "full" if webhook.include else "thin")]
    pairs += [("description", webhook.description or "-"), ("public key", webhook.public_key)]
    if webhook.status == "paused":
        pairs.append(("paused", f"{day(webhook.paused_at)}: {webhook.pause_reason or 'no reason was given'}"))
    call.out.pairs(pairs)


def _row(one: Webhook) -> tuple[str, ...]:
    since = day(one.failing_since, "-")
    return (one.id, one.url, ", ".join(one.types), one.status, str(one.failure_count), since)


def _attempts(one: Delivery) -> tuple[str, ...]:
    last = one.attempts[-1] if one.attempts else None
    message = "-" if last is None else str(last.http_status or last.error)
    return (one.id, one.event, one.type, one.status, str(one.attempt_count), message, day(one.due_at, "-"))
