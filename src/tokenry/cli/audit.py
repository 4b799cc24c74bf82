"""`tokenry audit`: what was done, and the proof that the record of it is whole."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import NOT_GIVEN, ConfigError, Head

from .call import FAILED, Call, TenantOption, command
from .credentials import usage
from .documents import day, document
from .keys import Cursor, Limit, Yes
from .lengths import past

if TYPE_CHECKING:
    from tokenry.types import Entry

group = typer.Typer(help="The audit log.", no_args_is_help=True)


@command(group, "list")
def list_entries(
    call: Call,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Only about this key or owner.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ID", help="Only by this actor.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="TYPE", help="Only this, such as key.revoked.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    tenant: TenantOption = "default",
) -> None:
    """List entries, the newest first."""
    asked = {"subject": subject, "actor": actor, "action": action}
    which: dict[str, Any] = {name: NOT_GIVEN if value is None else value for name, value in asked.items()}
    with call.open() as tk:
        page = tk.audit.list(**which, limit=limit, cursor=cursor, tenant=tenant)
    if call.out.json:
        call.out.document({"entries": document(page.items), "next_cursor": page.next_cursor})
        return
    if page.items:
        call.out.table(("at", "action", "subject", "actor", "address"), [_row(entry) for entry in page])
    else:
        call.out.say("there are no such entries")
    if page.next_cursor:
        call.out.say(f"there are more: --cursor {page.next_cursor}")


@command(group, "check")
def check(
    call: Call,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only this tenant's log.")] = None,
    head: Annotated[
        Path | None, typer.Option("--head", metavar="FILE", help="A head that `audit head` gave earlier.")
    ] = None,
) -> None:
    """Check that no entry was changed, removed or added. Exits with 1 when one was."""
    from tokenry.doctor import tenant_slugs

    kept = _read_head(head) if head else None
    if kept is not None and tenant not in (None, kept.tenant):
        usage(call.out, f"the head in {head} is of tenant {kept.tenant!r}")
    with call.open() as tk:
        wanted = [tenant] if tenant else [kept.tenant] if kept else list(tenant_slugs(tk))
        reports = {slug: tk.audit.check(tenant=slug, head=kept) for slug in wanted}
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
def head(call: Call, tenant: TenantOption = "default") -> None:
    """Write the signed end of the log as JSON. Kept elsewhere, it proves later that no tail was cut off."""
    with call.open() as tk:
        call.out.document(document(tk.audit.head(tenant=tenant)))


@command(group, "cut")
def cut(
    call: Call,
    before: Annotated[
        datetime, typer.Option("--before", parser=past, metavar="MOMENT", help="A moment, or a length ago: 365d.")
    ],
    yes: Yes = False,
    tenant: TenantOption = "default",
) -> None:
    """Remove old entries, up to a signed checkpoint that `audit check` begins at."""
    with call.open() as tk:
        call.confirm(f"Remove the audit entries of {tenant!r} from before {day(before)}?", yes)
        count = tk.audit.cut(before=before, tenant=tenant)
    call.out.say(f"{count} entries are gone")
    if call.out.json:
        call.out.document({"deleted_count": count})


def _row(entry: Entry) -> tuple[str, ...]:
    return (day(entry.at), entry.action, entry.subject, entry.actor or "the program", entry.ip or "-")


def _read_head(path: Path) -> Head:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Head(**{**values, "at": datetime.fromisoformat(values["at"])})
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{path} is not a head: it must be what `tokenry audit head` wrote") from None
