"""`tokenry usage` and `tokenry events`: how keys were used, and what happened."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .call import Call, TenantOption, command
from .documents import day
from .keys import KeyId
from .lengths import past
from .output import document

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
    if call.out.record(usage=hours):
        return
    if hours:
        rows = [(day(hour.at), hour.code, str(hour.count)) for hour in hours]
        call.out.table(("hour", "answer", "count"), rows)
    else:
        call.out.say("it was not presented in that time")


def events(
    call: Call,
    after: Annotated[
        int | None, typer.Option("--after", metavar="SEQUENCE", help="Only what came after this one.")
    ] = None,
    type: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only these: key.revoked, key.*; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="COUNT", help="How many at most, 1 to 100.")] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show events as they happen, from now on or --after, until Ctrl-C.")
    ] = False,
    tenant: TenantOption = None,
) -> None:
    """Show what happened, the oldest first. Go on with --after and the last sequence to miss nothing.

    With --follow and --json each event is a document: one line where stdout is no terminal.
    """
    if follow:
        _follow(call, after, type, tenant)
        return
    with call.managing(tenant) as tk:
        found = tk.events.list(after=after or 0, types=type or None, limit=limit)
    if call.out.json:
        last = found.items[-1].sequence if found.items else after or 0
        call.out.document({"events": document(found.items), "after": last, "next_cursor": found.next_cursor})
    elif found.items:
        call.out.table(("sequence", "at", "event", "subject", "actor"), [_row(event) for event in found])
        if found.next_cursor:
            call.out.say(f"there are more: --after {found.items[-1].sequence}")
    else:
        call.out.say("there are no such events")


def _follow(call: Call, after: int | None, types: list[str] | None, tenant: str | None) -> None:
    with call.managing(tenant) as tk:
        last = tk.events.latest() if after is None else after
        call.out.say("events are shown as they happen; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            for event in tk.events.follow(after=last, types=types or None):
                call.out.document(document(event)) if call.out.json else call.out.text("  ".join(_row(event)))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    command(app, "usage")(usage)
    command(app, "events")(events)


def _row(event: Event) -> tuple[str, ...]:
    return (str(event.sequence), day(event.at), event.type, event.subject, event.actor or "the program")
