"""`tokenry import`: keys of other systems go on working."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import counted

from .call import FAILED, Call, TenantOption, command, has_password
from .credentials import usage
from .signals import held

if TYPE_CHECKING:
    from tokenry.imports import ImportResult

_BATCH = 1000
_LINE_MAX = 65_536
_PART = 1 << 20
_BYTES_MAX = 7 * 1024 * 1024  # so that a request stays below the server's 8 MiB


Numbered = tuple[int, "bytes | ImportResult"]
"""One row with the number of its line or record, or the result of a record that has no row."""


def import_keys(
    call: Call,
    place: Annotated[
        str,
        typer.Argument(metavar="FILE", help="One JSON object a line; with --from the URL or export; - is stdin."),
    ],
    system: Annotated[
        str | None, typer.Option("--from", metavar="SYSTEM", help="Read what this system keeps: see docs/coming-from.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="The other system; its ids are told apart by this."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="ID", help="Whose keys those are that say no owner themselves.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="Its table, where that has another name than usual.")
    ] = None,
    pepper_file: Annotated[
        Path | None, typer.Option("--pepper-file", metavar="FILE", help="A file with the pepper of its hashes.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of every key.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Import keys of another system, from it or from NDJSON, so that they go on working: see docs/import.md.

    The result of each key is a line of JSON with its number, its id and what became of it. A key whose id was imported
    from the same source before changes nothing, so repeat a command that was interrupted. Exits with 1 when one was
    refused.
    """
    if system is None and (owner or table or pepper_file):
        usage(call.out, "--owner, --table and --pepper-file go with --from")
    given = _records(call, system, place, owner, table, pepper_file) if system else _lines(call, place)
    total = None if system or place == "-" else _count_lines(place)
    named = source or system or "import"
    with (
        held() as ending,
        call.managing(tenant) as tk,
        call.out.lines("results") as tell,
        call.out.progress("importing", total, "key") as done,
    ):
        results = _Results(tell)
        for batch in _batches(given):
            results.add(batch, lambda lines, each: tk.imports.run(lines, source=named, dry_run=dry_run, each=each))
            done(len(batch))
            if ending():
                call.out.say(f"stopped behind line {batch[-1][0]}: repeat the command to go on")
                break
    _conclude(call, results.counts, "would be " * dry_run)


def _conclude(call: Call, counts: Counter[str], would: str) -> None:
    """Say how many keys were imported, and exit with 1 when some were refused."""
    left = f", {counts['refused']} {would}refused" if counts["refused"] else ""
    there = f", {counts['exists']} imported before" if counts["exists"] else ""
    call.out.say(f"{counted(counts['imported'], 'key')} {would}imported{there}{left}")
    if counts["refused"]:
        raise typer.Exit(FAILED)


def register(app: typer.Typer) -> None:
    """Put the command into the command line."""
    command(app, "import")(import_keys)


class _Results:
    """Writes the result of each key, and counts them."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell
        self.counts: Counter[str] = Counter()

    def add(self, batch: list[Numbered], run: Callable[[list[bytes], Callable[[ImportResult], None]], object]) -> None:
        """Import some keys, and say what became of each."""
        lines = [(number, line) for number, line in batch if isinstance(line, bytes)]
        for number, result in batch:
            if not isinstance(result, bytes):
                self._one(number, result)
        numbers = iter([number for number, _ in lines])
        if lines:
            run([line for _, line in lines], lambda result: self._one(next(numbers), result))

    def _one(self, number: int, result: ImportResult) -> None:
        self.counts[result.status] += 1
        self._tell({"line": number, **_fields(result)})


def _count_lines(place: str) -> int | None:
    """Return how many lines a file has; None for a pipe, which can be read only once."""
    if not Path(place).is_file():
        return None
    with open(place, "rb") as stream:
        return sum(part.count(b"\n") for part in iter(lambda: stream.read(_PART), b""))


def _records(
    call: Call, system: str, place: str, owner: str | None, table: str | None, pepper_file: Path | None
) -> Iterator[Numbered]:
    """Yield the keys of another system."""
    import msgspec

    from tokenry.imports import ImportRow
    from tokenry.sources import rows

    pepper = pepper_file.read_text(encoding="utf-8").strip() if pepper_file else None
    if place == "-":
        place = sys.stdin.readline(_LINE_MAX).strip()
    elif has_password(place):
        call.out.say(
            "warning: everybody on this machine can read an argument. Pass a URL with a password on stdin, as -"
        )
    for number, row in enumerate(rows(system, place, owner=owner, table=table, pepper=pepper), 1):
        yield number, msgspec.json.encode(row) if isinstance(row, ImportRow) else row


def _lines(call: Call, place: str) -> Iterator[Numbered]:
    """Yield the lines of a file."""
    with nullcontext(sys.stdin.buffer) if place == "-" else open(place, "rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LINE_MAX + 1), b""), 1):
            if len(line) > _LINE_MAX:
                usage(call.out, f"line {number} is longer than {_LINE_MAX} bytes, so it is no key")
            if line.strip():
                yield number, line.strip()


def _batches(given: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Yield as many keys at a time as one request may hold."""
    batch: list[Numbered] = []
    size = 0
    for number, line in given:
        more = len(line) if isinstance(line, bytes) else 0
        if len(batch) == _BATCH or size + more > _BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append((number, line))
        size += more
    if batch:
        yield batch


def _fields(result: ImportResult) -> dict[str, Any]:
    errors = [error._asdict() for error in result.errors]
    fields = {"id": result.id, "status": result.status, "key": result.key, "errors": errors, "notes": [*result.notes]}
    return {name: value for name, value in fields.items() if value}
