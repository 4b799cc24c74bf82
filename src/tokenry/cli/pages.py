"""Lists: one page, or all of them, as one document or as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

import typer

from .call import Call
from .key_options import taking
from .output import document

List: TypeAlias = Callable[[str, Callable[..., Any], Sequence[str], Callable[[Any], tuple[str, ...]]], None]
"""Shows a list: its noun, the call that returns a page, the columns, and the row of one record."""
_OPTIONS: Final = {
    "limit": Annotated[int, typer.Option("--limit", metavar="COUNT", help="How many at most, 1 to 100.")],
    "cursor": Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on where the page before ended.")
    ],
    "every": Annotated[bool, typer.Option("--all", help="Every page, one after the other.")],
}


def paged(function: Callable[..., None]) -> Callable[..., None]:
    """Add --limit, --cursor and --all to a command, which receives as `show` what shows that part of a list."""
    return taking(function, "show", _OPTIONS, lambda call, given: partial(_show, call, given), limit=50)


def _show(
    call: Call,
    asked: dict[str, Any],
    noun: str,
    ask: Callable[..., Any],
    columns: Sequence[str],
    row: Callable[[Any], tuple[str, ...]],
) -> None:
    every, cursor = asked["every"], asked["cursor"]
    page = ask(limit=100 if every else asked["limit"], cursor=cursor)
    found, cursor = list(page), page.next_cursor
    while every and cursor:
        page = ask(limit=100, cursor=cursor)
        found, cursor = [*found, *page], page.next_cursor
    if call.out.json:
        call.out.document({noun: document(found), "next_cursor": cursor})
        return
    if found:
        call.out.table(columns, [row(record) for record in found])
    else:
        call.out.say(f"there are no such {noun}{' so far' if cursor else ''}")
    if cursor:
        call.out.say(f"there {'are' if found else 'may be'} more: --cursor {cursor}, or --all")
