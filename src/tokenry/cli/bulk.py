"""`tokenry keys issue-many` and `bulk-revoke`: many keys at once, with a result for each."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import counted

from .call import FAILED, Call, TenantOption, command
from .credentials import new_secret_file, usage
from .documents import KEY_COLUMNS, key_row
from .key_options import takes_filters
from .keys import Yes
from .lengths import lasting, moment
from .output import document
from .signals import held

if TYPE_CHECKING:
    from tokenry.types import BulkItem, BulkRevocation, Issued, TokenryError

_BATCH = 100  # so that a request stays below the server's 1 MiB, whatever stands in the metadata
_BATCH_REVOKED = 200  # the library commits as many at once
_LINE_MAX = 65_536
_Line = tuple[int, dict[str, Any]]


def issue_many(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line; - is stdin.")],
    secret_out: Annotated[
        Path | None,
        typer.Option("--secret-out", metavar="FILE", help="Write the results into a new file only you can read."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Issue a key for every line of a file: {"owner": "user-42", "name": "CI", "scopes": ["read:projects"]}.

    Fields are those of `POST /v1/keys`; `expires_in` may also be written as 30d. Each result is a line of JSON with
    the line's number and `key` and `secret`, or `error`. Exits with 1 when a line failed; the others are issued.
    Ctrl-C and SIGTERM stop it between two batches: every key that was issued is in the results.
    """
    count = failed = 0
    stopped = ""
    with (
        _checked(call, file) as (total, lines),
        held() as ending,
        call.managing(tenant) as tk,
        _results(call, secret_out) as tell,
        call.out.progress("issuing", total, "key") as done,
    ):
        while batch := list(islice(lines, _BATCH)):
            if ending():
                stopped = f", stopped before line {batch[0][0]}"
                break
            for (number, _), result in zip(batch, tk.keys.issue_many([one for _, one in batch]), strict=True):
                outcome = _result(result)
                failed += "error" in outcome
                tell({"line": number, **outcome})
            count += len(batch)
            done(len(batch))
        left_out = f", {counted(failed, 'line')} failed" if failed else ""
        call.out.say(f"{counted(count - failed, 'key')} issued{left_out}{stopped}")
    if failed:
        raise typer.Exit(FAILED)


@takes_filters
def bulk_revoke(
    call: Call,
    filters: dict[str, Any],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with every key.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which keys it would be.")] = False,
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """Revoke all living keys that every given filter means; at least one filter is needed."""
    if not filters:
        usage(call.out, "say which keys: with no filter at all every key of the tenant would be revoked")
    with call.managing(tenant) as tk:
        count: int | None = None
        limit: int | None = _BATCH_REVOKED
        if not dry_run:
            count, ends_caller = _look(call, tk, filters)
            # The server refuses further requests with a revoked key, but does the rest of the same request.
            limit = None if ends_caller else limit
        if count:
            call.confirm(f"Revoke {counted(count, 'key')} for good?", yes)
        batches = () if count == 0 else revoked(tk, filters, reason, dry_run=dry_run, limit=limit)
        good, left = _tell_all(call, batches, dry_run, count)
    call.out.say(f"{counted(good, 'key')} {'would be ' * dry_run}revoked, {left} cannot be")
    if left and not dry_run:
        raise typer.Exit(FAILED)


def revoked(
    tk: Any, filters: Mapping[str, Any], reason: str = "", *, dry_run: bool, limit: int | None = _BATCH_REVOKED
) -> Iterator[BulkRevocation]:
    """Revoke the keys that match filters, and yield the result of each batch."""
    cursor = None
    while True:
        done = tk.keys.revoke_where(**filters, reason=reason, dry_run=dry_run, limit=limit, cursor=cursor)
        yield done
        cursor = done.next_cursor
        if cursor is None:
            return


def total(done: BulkRevocation) -> int:
    """Return how many keys a bulk revocation has looked at."""
    return done.revoked_count + done.refused_count


def _look(call: Call, tk: Any, filters: Mapping[str, Any]) -> tuple[int, bool]:
    """Return how many keys match filters, and whether the key that this command presents is one of them."""
    own = None if call.server is None else tk.me.get().id
    count, ends_caller = 0, False
    with call.out.progress("counting", None, "key") as done:
        for batch in revoked(tk, filters, dry_run=True):
            count += total(batch)
            ends_caller = ends_caller or any(item.key.id == own for item in batch)
            done(total(batch))
    return count, ends_caller


def _tell_all(call: Call, batches: Iterable[BulkRevocation], dry_run: bool, count: int | None) -> tuple[int, int]:
    """Write every batch; return how many keys are revoked, or would be, and how many cannot be."""
    good = left = 0
    what = "looking" if dry_run else "revoking"
    with call.out.progress(what, count, "key") as done, _item_writer(call, dry_run) as tell:
        for batch in batches:
            tell(batch.items)
            good, left = good + batch.revoked_count, left + batch.refused_count
            done(total(batch))
            if len(batch.items) < total(batch):
                call.out.say(f"only the first {len(batch.items)} of {counted(total(batch), 'key')} are shown")
    return good, left


@contextmanager
def _item_writer(call: Call, dry_run: bool) -> Iterator[Callable[[Sequence[BulkItem]], None]]:
    """Write the items of each batch as they come: as items of one JSON document, or as lines of a table."""
    if call.out.json:
        with call.out.listing("items", dry_run=dry_run) as write:

            def write_all(items: Sequence[BulkItem]) -> None:
                for item in items:
                    write(document(item))

            yield write_all
        return
    begun = False

    def tell(items: Sequence[BulkItem]) -> None:
        nonlocal begun
        if items:
            rows = [(*key_row(item.key), item.error or "") for item in items]
            call.out.table((*KEY_COLUMNS, "problem"), rows, header=not begun)
            begun = True

    yield tell


def register(group: typer.Typer) -> None:
    """Put these commands into the group of keys."""
    command(group, "issue-many")(issue_many)
    command(group, "bulk-revoke")(bulk_revoke)


@contextmanager
def _checked(call: Call, file: Path) -> Iterator[tuple[int, Iterator[_Line]]]:
    """Read all lines once, so that nothing is issued when one is wrong; give their number, and the lines again.

    They are kept on disk meanwhile: there may be more than memory holds, and a pipe is read only once.
    """
    source = nullcontext(sys.stdin) if str(file) == "-" else file.open(encoding="utf-8")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
        count = 0
        with source as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        _line(line)
                    except (ValueError, TypeError, typer.BadParameter) as error:
                        usage(call.out, f"line {number} cannot be read, and nothing was issued: {error}")
                    kept.write(f"{number} {line.strip()}\n")
                    count += 1
        kept.seek(0)
        numbered = (line.partition(" ") for line in kept)
        yield count, ((int(number), _line(text)) for number, _, text in numbered)


def _line(line: str) -> dict[str, Any]:
    """Read one key to issue, in the names of the HTTP API or in those of the library."""
    if len(line) > _LINE_MAX:
        raise ValueError("it is too long")
    outcome = json.loads(line)
    if not isinstance(outcome, dict):
        raise ValueError("it is not a JSON object")
    for field in ("expires_at", "not_before"):
        if isinstance(outcome.get(field), str):
            outcome[field] = moment(outcome[field])
    for field in ("expires_in", "max_idle"):
        if isinstance(outcome.get(field), str):
            outcome[field] = lasting(outcome[field]).value
        for unit in ("seconds", "days"):
            if f"{field}_{unit}" in outcome:
                count = outcome.pop(f"{field}_{unit}")
                outcome[field] = None if count is None else timedelta(**{unit: count})
    return outcome


@contextmanager
def _results(call: Call, secret_out: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Write results as they come: into a file, as lines on stdout, or as items of one document."""
    if secret_out is None:
        with call.out.lines("results") as tell:
            yield tell
        return
    with new_secret_file(secret_out) as keep:
        yield lambda result: keep(json.dumps(result, ensure_ascii=False))
    call.out.record(results_file=str(secret_out))


def _result(result: Issued | TokenryError) -> dict[str, Any]:
    from tokenry.types import Invalid, TokenryError

    if isinstance(result, TokenryError):
        fields = [field._asdict() for field in result.errors] if isinstance(result, Invalid) else []
        return {"error": {"code": result.code, "message": result.message, "errors": fields}}
    return {"key": document(result.key), "secret": str(result.secret)}
