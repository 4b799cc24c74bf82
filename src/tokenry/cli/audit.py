"""`tokenry audit`: what was done, and the proof that the record of it is whole."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import ConfigError, Head, NotAllowed, counted, shown

from .call import FAILED, Call, Managing, TenantOption, command
from .credentials import usage
from .documents import day
from .keys import Yes
from .lengths import past
from .output import document
from .pages import List, paged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenry.types import AuditReport, Entry

group = typer.Typer(help="The audit log.", no_args_is_help=True)
_BATCH = 500  # the library removes as many in one transaction
_COLUMNS = ("at", "action", "subject", "actor", "address")


@command(group, "list")
@paged
def list_entries(
    call: Call,
    *,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Only about this key or owner.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ID", help="Only by this actor.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="TYPE", help="Only this, such as key.revoked.")
    ] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """List entries, the newest first."""
    which: dict[str, Any] = {"subject": subject, "actor": actor, "action": action}
    with call.managing(tenant) as tk:
        ask = partial(tk.audit.list, **which)
        show("entries", ask, _COLUMNS, _row)


@command(group, "check")
def check(
    call: Call,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this tenant's log.")] = None,
    head: Annotated[
        Path | None, typer.Option("--head", metavar="FILE", help="A head that `audit head` gave earlier.")
    ] = None,
) -> None:
    """Check that no entry was changed, removed or added. Exits with 1 when one was."""
    kept = _read_head(head) if head else None
    if kept is not None and tenant not in (None, kept.tenant):
        usage(call.out, f"the head in {head} is of tenant {shown(kept.tenant)}")
    with call.managing(tenant) as tk:
        wanted = [tenant] if tenant else [kept.tenant] if kept else _slugs(tk)
        with call.out.progress("checking", len(wanted), "tenant") as done:
            reports = {}
            for slug in wanted:
                reports[slug] = tk.audit.check(tenant=slug, head=kept)
                done(1)
    _report(call, reports)


def _report(call: Call, reports: Mapping[str, AuditReport]) -> None:
    whole = all(reports.values())
    if call.out.json:
        tenants = [{"tenant": slug, **document(report)} for slug, report in reports.items()]
        call.out.document({"ok": whole, "tenants": tenants})
    else:
        rows = [(slug, str(report.entry_count), "whole" if report else "BROKEN") for slug, report in reports.items()]
        call.out.table(("tenant", "entries", "log"), rows)
    for slug, report in reports.items():
        for problem in report.problems:
            call.out.fail(f"{slug}: {problem}")
    if not whole:
        raise typer.Exit(FAILED)


@command(group, "head")
def head(call: Call, tenant: TenantOption = None) -> None:
    """Write the signed end of the log as JSON. Kept elsewhere, it proves later that no tail was cut off."""
    with call.managing(tenant) as tk:
        call.out.document(document(tk.audit.head()))


@command(group, "cut")
def cut(
    call: Call,
    before: Annotated[
        datetime, typer.Option("--before", parser=past, metavar="MOMENT", help="A moment, or a length ago: 365d.")
    ],
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """Remove old entries, up to a signed checkpoint that `audit check` begins at."""
    with call.managing(tenant) as tk:
        call.confirm(f"Remove the audit entries of tenant {tenant or 'default'!r} from before {day(before)}?", yes)
        count, gone = 0, _BATCH
        with call.out.progress("removing", None, "entry") as done:
            while gone == _BATCH:
                gone = tk.audit.cut(before=before, limit=_BATCH)
                count += gone
                done(gone)
    call.out.say(f"{counted(count, 'entry')} removed")
    call.out.record(deleted_count=count)


def _slugs(tk: Managing) -> list[str]:
    """Return every tenant; for an operator of one tenant that one."""
    found, cursor = [], None
    while True:
        try:
            page = tk.tenants.list(limit=100, cursor=cursor)
        except NotAllowed:
            return [tk.audit.head().tenant]
        found += [tenant.slug for tenant in page]
        cursor = page.next_cursor
        if cursor is None:
            return found


def _row(entry: Entry) -> tuple[str, ...]:
    return (day(entry.at), entry.action, entry.subject, entry.actor or "the program", entry.ip or "-")


def _read_head(path: Path) -> Head:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Head(**{**values, "at": datetime.fromisoformat(values["at"])})
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{path} is not a head: it must be what `tokenry audit head` wrote") from None
