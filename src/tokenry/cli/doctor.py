"""`tokenry doctor`: looking an installation over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from .call import FAILED, UNREACHABLE, Call, command
from .documents import expiry

if TYPE_CHECKING:
    from tokenry.doctor import Finding

_EXPIRES_SOON = timedelta(days=14)


def doctor(
    call: Call,
    all_keys: Annotated[bool, typer.Option("--all-keys", help="Check the signatures of all keys.")] = False,
) -> None:
    """Look the installation over and say what should be done. Exits with 1 when something must be repaired."""
    if call.server:
        findings = tuple(_of_server(call))
    else:
        from tokenry.doctor import examine

        findings = examine(call.installation(), all_keys=all_keys)
    failed = [finding for finding in findings if finding.status == "failed"]
    if call.out.json:
        call.out.record(ok=not failed, findings=findings)
    elif sys.stdout.isatty():
        call.out.table(("check", "", "finding"), [(f.check, f.status, f.message) for f in findings])
    else:
        call.out.pairs([(f"{finding.status:<7}  {finding.check}", finding.message) for finding in findings])
    if any(finding.unreachable for finding in findings):
        raise typer.Exit(UNREACHABLE)
    if failed:
        raise typer.Exit(FAILED)


def _of_server(call: Call) -> Iterator[Finding]:
    """Look at a server from where its callers stand: is it there and ready, and does it accept their key."""
    from tokenry.client import Client
    from tokenry.doctor import Finding
    from tokenry.types import StoreUnavailable, TokenryError

    address = str(call.server)
    with Client(address, call.key()) as client:
        try:
            client.ready()
            yield Finding("server", "ok", f"{address} is ready")
            key = client.me.get()
        except StoreUnavailable as error:
            yield Finding("server", "failed", error.message, unreachable=True)
        except TokenryError as error:
            yield Finding("key", "failed", error.message)
        else:
            soon = key.expires_at is not None and key.expires_at - datetime.now(UTC) < _EXPIRES_SOON
            summary = f"yours is {key.name!r} of tenant {key.tenant!r}, expires {expiry(key)}"
            yield Finding("key", "warning" if soon else "ok", summary)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "doctor")(doctor)
