"""`tokenry usage` and `tokenry events`: how keys were used, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tokenry.types import shown

from .call import Call, TenantOption, command
from .credentials import usage as wrong
from .documents import day
from .lengths import past
from .output import document

if TYPE_CHECKING:
    from tokenry.types import Event, UsageGroup

_COLUMNS: Final = ("hour", "day", "owner", "key", "code")
"""The parts that usage is added up by, in the order of the table."""


def usage(
    call: Call,
    key_id: Annotated[
        str | None, typer.Argument(metavar="KEY_ID", help="The id of one key; without it all keys of the tenant.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="ID", help="Only the keys of this owner.")] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option("--group-by", metavar="PART", help="Add up by key, owner, code, day or hour; repeatable."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=past, metavar="MOMENT", help="A moment, or a length ago: 30d."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Show how often a key was presented, by hour and by what was answered; the oldest first.

    Without KEY_ID all keys of the tenant, or of --owner, are added up: by day and code, of the last 7 days.
    """
    if key_id is None:
        _summary(call, owner, group_by or ["day", "code"], since, tenant)
        return
    if owner is not None or group_by:
        wrong(call.out, "--owner and --group-by are for many keys: leave out KEY_ID")
    with call.managing(tenant) as tk:
        hours = tk.usage.get(key_id, since=since)
    if call.out.record(usage=hours):
        return
    rows = [(day(hour.at), hour.code, str(hour.count)) for hour in hours]
    _table(call, ("hour", "answer", "count"), rows, f"key {shown(key_id)} was not presented in that time")


def _summary(call: Call, owner: str | None, group_by: list[str], since: datetime | None, tenant: str | None) -> None:
    """Show the usage of many keys, added up."""
    with call.managing(tenant) as tk:
        found = tk.usage.summary(group_by=group_by, owner=owner, since=since)
    if call.out.record(**document(found)):
        return
    columns = [part for part in _COLUMNS if part in group_by]
    rows = [(*(_part(group, part) for part in columns), str(group.count)) for group in found.groups]
    whose = f"of owner {shown(owner)} " if owner else ""
    _table(call, (*columns, "count"), rows, f"no key {whose}was presented in that time")
    if found.counted_since is not None:
        call.out.say(f"there was too much to count: what is older than {day(found.counted_since)} is missing")


def _part(group: UsageGroup, part: str) -> str:
    if part in ("day", "hour"):
        return day(group.at)
    return getattr(group, part) or "-"


def _table(call: Call, columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    if rows or call.out.format == "csv":
        call.out.table(columns, rows)
    else:
        call.out.say(nothing)


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
