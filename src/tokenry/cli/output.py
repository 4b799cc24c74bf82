"""How a command answers: data on stdout, talk on stderr, one document with --json, tables for people."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from .progress import Progress

_LONG = frozenset(("name", "owner", "finding", "external id", "email", "roles", "subject", "actor"))
"""The columns that may be broken into lines when the window is narrow."""

FORMATS = ("table", "json", "csv")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run as a formula."""


def document(value: Any) -> Any:
    """Return a value as JSON can hold it; a secret stays hidden unless the caller converted it to text."""
    from tokenry.types import Secret

    if isinstance(value, Secret):
        raise TypeError("a secret is shown by its command alone")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
        value = {name: getattr(value, name) for name in names}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        from tokenry.edge import written

        return {name: document(part) for name, part in (written(str(name), part) for name, part in value.items())}
    if isinstance(value, (tuple, list)):
        return [document(part) for part in value]
    return str(value) if isinstance(value, Path) else value


class Output:
    """Where the answers of one command go."""

    def __init__(self, format: str, *, no_color: bool, quiet: bool = False) -> None:
        self.format = format
        self._quiet = quiet
        self._progress: Progress | None = None
        self.json = format == "json"
        self._colorless = no_color or bool(os.environ.get("NO_COLOR"))

    def say(self, text: str = "") -> None:
        """Tell the person at the keyboard something, unless with --quiet; never a secret."""
        if not self._quiet:
            self._echo(text, err=True)

    def warn(self, text: str) -> None:
        """Tell something that has to be seen with --quiet, too."""
        self._echo(text, err=True)

    def fail(self, text: str) -> None:
        """Say that something went wrong."""
        red = not self._colorless and sys.stderr.isatty()
        self.warn(f"{typer.style('error:', fg='red', bold=True) if red else 'error:'} {text}")

    def document(self, value: Any) -> None:
        """Write the one JSON document of this command."""
        self._echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))

    def record(self, **parts: Any) -> bool:
        """With --json write one document of some parts; return whether it did."""
        if self.json:
            self.document(document(parts))
        return self.json

    def text(self, value: str) -> None:
        """Write data as text."""
        self._echo(value)

    def part(self, value: str) -> None:
        """Write a part of a line."""
        self._echo(value, nl=False)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Write names and values below one another."""
        if self.format == "csv":
            self.table(("name", "value"), pairs)
            return
        width = max((len(name) for name, _ in pairs), default=0)
        for name, value in pairs:
            self._echo(f"{name:<{width}}  {value}")

    @contextmanager
    def listing(self, name: str, **before: Any) -> Iterator[Callable[[Any], None]]:
        """Write one JSON document whose last member is a list, item by item: it may be too long to be held.

        The document is whole even if the work fails half-way, unless it failed before the first item.
        """
        head = json.dumps(before, ensure_ascii=False)[:-1] + (", " if before else "") + f'"{name}": ['
        begun = False

        def write(item: Any) -> None:
            nonlocal begun
            self.part((", " if begun else head) + json.dumps(item, ensure_ascii=False))
            begun = True

        try:
            yield write
            if not begun:
                self.part(head)
                begun = True
        finally:
            if begun:
                self.text("]}")

    @contextmanager
    def lines(self, name: str) -> Iterator[Callable[[Any], None]]:
        """Write items as they come: a line of JSON each, or with --json the items of one document."""
        if self.json:
            with self.listing(name) as write:
                yield write
        else:
            yield lambda item: self.text(json.dumps(item, ensure_ascii=False))

    @contextmanager
    def progress(
        self, what: str, total: int | None = None, noun: str | None = None, *, data: bool = False
    ) -> Iterator[Callable[[int], None]]:
        """Show how far long work is; call what this yields with the count of what was done since.

        Only on a terminal, and neither with --json nor with --quiet. Without a `noun` only a percentage is shown.
        Work that writes its `data` to stdout by itself shows nothing when that is the terminal.
        """
        unseen = not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or (data and sys.stdout.isatty())
        if self.json or self._quiet or unseen:
            yield lambda count: None
            return
        from .progress import Progress

        self._progress = Progress(what, total, noun)
        try:
            yield self._progress.add
        finally:
            self._progress.clear()
            self._progress = None

    def _echo(self, text: str, *, err: bool = False, nl: bool = True) -> None:
        """Write a text, where a line of progress may stand now."""
        if self._progress is not None:
            self._progress.clear()
        typer.echo(text, err=err, nl=nl)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, header: bool = True) -> None:
        """Write a table, or without `header` more of it: fitted to the window on a terminal, else as aligned text."""
        if self._progress is not None:
            self._progress.clear()
        if self.format == "csv":
            lines = csv.writer(sys.stdout, lineterminator="\n")
            lines.writerows([[_harmless(cell) for cell in row] for row in ([columns, *rows] if header else rows)])
            return
        if sys.stdout.isatty():
            self._drawn(columns, rows, header)
            return
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in [columns, *rows] if header else rows:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._echo("  ".join(padded).rstrip())

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[str]], header: bool) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(
            show_header=header, box=None, pad_edge=False, padding=(0, 1), header_style="" if self._colorless else "bold"
        )
        for column in columns:
            table.add_column(
                column, overflow="fold", no_wrap=column not in _LONG, min_width=8 if column in _LONG else None
            )
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console(no_color=self._colorless, highlight=False).print(table)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and cell != "-" else cell
