"""`tokenry usage` and `tokenry events`: how keys were used, and what happened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .call import Call, TenantOption, command
from .documents import day, document
from .keys import KeyId
from .lengths import past

if TYPE_CHECKING:
    from tokenry.types import Event


def usage(
    call: Call,
    key_id: KeyId,
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=past, metavar="MOMENT", help="A moment, or a length ago: 30d."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Show how often a key was presented, by hour and by what was answered; the oldest first."""
    with call.managing(tenant) as tk:
        hours = tk.usage.get(key_id, since=since)
    if call.out.json:
        call.out.document({"usage": document(hours)})
    elif hours:
        rows = [(day(hour.at), hour.code, str(hour.count)) for hour in hours]
        call.out.table(("hour", "answer", "count"), rows)
    else:
        call.out.say("it was not presented in that time")


def events(
    call: Call,
    after: Annotated[int, typer.Option("--after", metavar="SEQUENCE", help="Only what came after this one.")] = 0,
    type: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only these: key.revoked, key.*; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="COUNT", help="How many at most, 1 to 100.")] = 100,
    tenant: TenantOption = None,
) -> None:
    """Show what happened, the oldest first. Who goes on with --after and the last sequence misses nothing."""
    with call.managing(tenant) as tk:
        found = tk.events.list(after=after, types=type or None, limit=limit)
    if call.out.json:
        last = found.items[-1].sequence if found.items else after
        call.out.document({"events": document(found.items), "after": last, "next_cursor": found.next_cursor})
    elif found.items:
        call.out.table(("sequence", "at", "event", "subject", "actor"), [_row(event) for event in found])
        if found.next_cursor:
            call.out.say(f"there are more: --after {found.items[-1].sequence}")
    else:
        call.out.say("there are no such events")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    command(app, "usage")(usage)
    command(app, "events")(events)


def _row(event: Event) -> tuple[str, ...]:
    return (str(event.sequence), day(event.at), event.type, event.subject, event.actor or "the program")
