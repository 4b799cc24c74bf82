"""`tokenry import`: keys of other systems go on working."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .call import FAILED, Call, TenantOption, command
from .credentials import usage
from .output import counted
from .signals import held

if TYPE_CHECKING:
    from tokenry.imports import ImportResult

_BATCH = 1000
_LINE_MAX = 65_536
_BYTES_MAX = 7 * 1024 * 1024  # so that a request stays below the server's 8 MiB


def import_keys(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line; - is stdin.")],
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="The other system; its ids are told apart by this.")
    ] = "import",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of every line.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Import keys of another system from NDJSON, so that they go on working: see docs/import.md for the lines.

    The result of each line is a line of JSON with its number, its id and what became of it. A line whose id was
    imported from the same source before changes nothing, so repeat a command that was interrupted. Exits with 1 when a
    line was refused.
    """
    counts: Counter[str] = Counter()
    number = 0
    size = None if str(file) == "-" else file.stat().st_size

    def tell(result: ImportResult) -> None:
        nonlocal number
        number += 1
        counts[result.status] += 1
        told = json.dumps({"line": lines[number - 1][0], **_told(result)}, ensure_ascii=False)
        if call.out.json:
            call.out.part((", " if sum(counts.values()) > 1 else '{"results": [') + told)
        else:
            call.out.text(told)

    with (
        held() as ending,
        call.managing(tenant) as tk,
        _opened(file) as stream,
        call.out.progress("importing", size, talks=True) as done,
    ):
        for lines in _batches(call, stream):
            number = 0
            tk.imports.run([line for _, line in lines], source=source, dry_run=dry_run, each=tell)
            done(sum(len(line) + 1 for _, line in lines))
            if ending():
                call.out.say(f"stopped behind line {lines[-1][0]}: repeat the command to go on")
                break
    if call.out.json:
        call.out.text("]}" if counts else '{"results": []}')
    would = "would be " * dry_run
    left = f", {counts['refused']} {would}refused" if counts["refused"] else ""
    there = f", {counts['exists']} imported before" if counts["exists"] else ""
    call.out.say(f"{counted(counts['imported'], 'key')} {would}imported{there}{left}")
    if counts["refused"]:
        raise typer.Exit(FAILED)


def register(app: typer.Typer) -> None:
    """Put the command into the command line."""
    command(app, "import")(import_keys)


def _opened(file: Path) -> Any:
    return sys.stdin.buffer if str(file) == "-" else file.open("rb")


def _batches(call: Call, stream: Any) -> Iterator[list[tuple[int, bytes]]]:
    """Yield lines with their numbers, as many as one request may hold."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in enumerate(iter(lambda: stream.readline(_LINE_MAX + 1), b""), 1):
        if len(line) > _LINE_MAX:
            usage(call.out, f"line {number} is longer than {_LINE_MAX} bytes, so it is no key")
        if not line.strip():
            continue
        if len(batch) == _BATCH or size + len(line) > _BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append((number, line.strip()))
        size += len(line)
    if batch:
        yield batch


def _told(result: ImportResult) -> dict[str, Any]:
    errors = [error._asdict() for error in result.errors]
    told = {"id": result.id, "status": result.status, "key": result.key, "errors": errors, "notes": [*result.notes]}
    return {name: value for name, value in told.items() if value}
