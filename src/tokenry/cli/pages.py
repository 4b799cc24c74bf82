"""Lists: one page, or all of them, as one document or as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from .call import Call
from .documents import document

Limit = Annotated[int, typer.Option("--limit", metavar="COUNT", help="How many at most, 1 to 100.")]
Cursor = Annotated[str | None, typer.Option("--cursor", metavar="TEXT", help="Go on where the page before ended.")]
Everything = Annotated[bool, typer.Option("--all", help="Every page, one after the other.")]


def listing(
    call: Call,
    noun: str,
    ask: Callable[..., Any],
    shown: tuple[Sequence[str], Callable[[Any], tuple[str, ...]]],
    *,
    limit: int,
    cursor: str | None,
    every: bool = False,
) -> None:
    """Ask for a page, or for all, and show it: `shown` are the columns, and the row of one record."""
    page = ask(limit=100 if every else limit, cursor=cursor)
    found, cursor = list(page), page.next_cursor
    while every and cursor:
        page = ask(limit=100, cursor=cursor)
        found, cursor = [*found, *page], page.next_cursor
    if call.out.json:
        call.out.document({noun: document(found), "next_cursor": cursor})
        return
    columns, row = shown
    if found:
        call.out.table(columns, [row(record) for record in found])
    else:
        call.out.say(f"there are no such {noun}{' so far' if cursor else ''}")
    if cursor:
        call.out.say(f"there {'are' if found else 'may be'} more: --cursor {cursor}, or --all")
