"""`tokenry keys issue-many` and `bulk-revoke`: many keys at once, with a result for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .call import FAILED, Call, TenantOption, command
from .credentials import new_secret_file, usage
from .documents import KEY_COLUMNS, key_row
from .key_options import takes_filters
from .keys import Yes
from .lengths import lasting, moment
from .output import counted, document
from .signals import held

if TYPE_CHECKING:
    from tokenry.types import BulkItem, BulkRevocation, Issued, TokenryError

_BATCH = 100  # so that a request stays below the server's 1 MiB, whatever stands in the metadata
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
    lines = list(_read(call, file))
    count = failed = 0
    with (
        held() as ending,
        call.managing(tenant) as tk,
        _results(call, secret_out) as tell,
        call.out.progress("issuing", len(lines), talks=secret_out is None) as done,
    ):
        while count < len(lines) and not ending():
            batch = lines[count : count + _BATCH]
            for (number, _), result in zip(batch, tk.keys.issue_many([one for _, one in batch]), strict=True):
                outcome = _result(result)
                failed += "error" in outcome
                tell({"line": number, **outcome})
            count += len(batch)
            done(len(batch))
        stopped = f", stopped before line {lines[count][0]}" if count < len(lines) else ""
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
        count = None if dry_run else sum(map(_total, _batches(tk, filters, reason, dry_run=True)))
        if count:
            call.confirm(f"Revoke {counted(count, 'key')} for good?", yes)
        batches = () if count == 0 else _batches(tk, filters, reason, dry_run=dry_run)
        revoked, left = _tell_all(call, batches, dry_run, count)
    call.out.say(f"{counted(revoked, 'key')} {'would be ' * dry_run}revoked, {left} cannot be")
    if left and not dry_run:
        raise typer.Exit(FAILED)


def _batches(tk: Any, filters: dict[str, Any], reason: str, *, dry_run: bool) -> Iterator[BulkRevocation]:
    """Revoke batch by batch on a database; a server answers once, with all counts and the first keys."""
    in_batches = getattr(tk.keys, "_revoke_in_batches", None)
    if in_batches is None:
        yield tk.keys.revoke_where(**filters, reason=reason, dry_run=dry_run)
    else:
        yield from in_batches(reason, dry_run, filters)


def _total(done: BulkRevocation) -> int:
    return done.revoked_count + done.refused_count


def _tell_all(call: Call, batches: Iterable[BulkRevocation], dry_run: bool, count: int | None) -> tuple[int, int]:
    """Write every batch; return how many keys are revoked, or would be, and how many cannot be."""
    revoked = left = 0
    what = "looking" if dry_run else "revoking"
    with call.out.progress(what, count, talks=True) as done, _item_writer(call, dry_run) as tell:
        for batch in batches:
            tell(batch.items)
            revoked, left = revoked + batch.revoked_count, left + batch.refused_count
            done(_total(batch))
            if len(batch.items) < _total(batch):
                call.out.say(f"only the first {len(batch.items)} of {counted(_total(batch), 'key')} are shown")
    return revoked, left


@contextmanager
def _item_writer(call: Call, dry_run: bool) -> Iterator[Callable[[Sequence[BulkItem]], None]]:
    """Write the items of each batch as they come: the parts of one JSON document, or the lines of a table."""
    opening, begun = f'{{"dry_run": {json.dumps(dry_run)}, "items": [', False

    def tell(items: Sequence[BulkItem]) -> None:
        nonlocal begun
        if call.out.json:
            for item in items:
                call.out.part((", " if begun else opening) + json.dumps(document(item), ensure_ascii=False))
                begun = True
        elif items:
            rows = [(*key_row(item.key), item.error or "") for item in items]
            call.out.table((*KEY_COLUMNS, "problem"), rows, header=not begun)
            begun = True

    try:
        yield tell
        if call.out.json and not begun:
            call.out.part(opening)
            begun = True
    finally:
        if call.out.json and begun:
            call.out.text("]}")


def register(group: typer.Typer) -> None:
    """Put these commands into the group of keys."""
    command(group, "issue-many")(issue_many)
    command(group, "bulk-revoke")(bulk_revoke)


def _read(call: Call, file: Path) -> Iterator[_Line]:
    stream = sys.stdin if str(file) == "-" else file.open(encoding="utf-8")
    with stream if stream is not sys.stdin else _kept_open(stream) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield number, _line(line)
                except (ValueError, TypeError, typer.BadParameter) as error:
                    usage(call.out, f"line {number} cannot be read, and nothing was issued: {error}")


@contextmanager
def _kept_open(stream: Any) -> Iterator[Any]:
    yield stream


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
    """Write results as they come: into a file, as lines on stdout, or at the end as one document."""
    if secret_out is not None:
        with new_secret_file(secret_out) as keep:
            yield lambda result: keep(json.dumps(result, ensure_ascii=False))
        call.out.record(results_file=str(secret_out))
        return
    results: list[Mapping[str, Any]] = []
    try:
        yield results.append if call.out.json else lambda result: call.out.text(json.dumps(result, ensure_ascii=False))
    finally:
        if call.out.json and results:  # whatever went wrong then: these secrets exist, and are told only here
            call.out.document({"results": results})


def _result(result: Issued | TokenryError) -> dict[str, Any]:
    from tokenry.types import Invalid, TokenryError

    if isinstance(result, TokenryError):
        fields = [field._asdict() for field in result.errors] if isinstance(result, Invalid) else []
        return {"error": {"code": result.code, "message": result.message, "errors": fields}}
    return {"key": document(result.key), "secret": str(result.secret)}
