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
from typing import Any

import typer

_LONG = frozenset(("name", "owner", "finding", "external id", "email", "roles", "subject", "actor"))
"""The columns that may be broken into lines when the window is narrow."""

FORMATS = ("table", "json", "csv")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run as a formula."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or the plural: `1 key`, `2 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{count} {noun}s"


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

    def __init__(self, format: str, *, no_color: bool) -> None:
        self.format = format
        self.json = format == "json"
        self._colorless = no_color or bool(os.environ.get("NO_COLOR"))

    def say(self, text: str = "") -> None:
        """Tell the person at the keyboard something; never a secret."""
        typer.echo(text, err=True)

    def fail(self, text: str) -> None:
        """Say that something went wrong."""
        red = not self._colorless and sys.stderr.isatty()
        typer.echo(f"{typer.style('error:', fg='red', bold=True) if red else 'error:'} {text}", err=True)

    def document(self, value: Any) -> None:
        """Write the one JSON document of this command."""
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))

    def record(self, **parts: Any) -> bool:
        """With --json write one document of some parts; return whether it did."""
        if self.json:
            self.document(document(parts))
        return self.json

    def text(self, value: str) -> None:
        """Write data as text."""
        typer.echo(value)

    def part(self, value: str) -> None:
        """Write a part of a line."""
        typer.echo(value, nl=False)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Write names and values below one another."""
        if self.format == "csv":
            self.table(("name", "value"), pairs)
            return
        width = max((len(name) for name, _ in pairs), default=0)
        for name, value in pairs:
            typer.echo(f"{name:<{width}}  {value}")

    @contextmanager
    def progress(self, what: str, total: int | None, *, talks: bool = False) -> Iterator[Callable[[int], None]]:
        """Show how far long work is, on a terminal only; call what this yields with what was done since.

        Work that `talks` meanwhile needs no bar where its own words are seen.
        """
        if not sys.stderr.isatty() or (talks and sys.stdout.isatty()):
            yield lambda count: None
            return
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, no_color=self._colorless)
        with Progress(console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, header: bool = True) -> None:
        """Write a table, or without `header` more of it: fitted to the window on a terminal, else as aligned text."""
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
            typer.echo("  ".join(padded).rstrip())

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
