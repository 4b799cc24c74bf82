"""`tokenry doctor`: looking an installation over."""

from __future__ import annotations

import sys

import typer

from .call import FAILED, UNREACHABLE, Call, command
from .documents import document


def doctor(call: Call) -> None:
    """Look the installation over and say what should be done. Exits with 1 when something must be repaired."""
    from tokenry.doctor import examine

    findings = examine(call.installation())
    failed = [finding for finding in findings if finding.status == "failed"]
    if call.out.json:
        call.out.document({"ok": not failed, "findings": document(findings)})
    elif sys.stdout.isatty():
        call.out.table(("check", "", "finding"), [(f.check, f.status, f.message) for f in findings])
    else:
        call.out.pairs([(f"{finding.status:<7}  {finding.check}", finding.message) for finding in findings])
    if any(finding.unreachable for finding in findings):
        raise typer.Exit(UNREACHABLE)
    if failed:
        raise typer.Exit(FAILED)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "doctor")(doctor)
