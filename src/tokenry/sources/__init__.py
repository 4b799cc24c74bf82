"""Readers of other systems: the keys of one, as rows that `tk.imports.run` takes.

from tokenry.sources import rows

tk.imports.run(rows("time-tracker", "postgresql://old/database"), source="time-tracker")
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenry.core.errors import ConfigError, shown
from tokenry.imports import ImportResult, ImportRow

from . import databases, files
from .databases import REFRESH_TOKENS as REFRESH_TOKENS
from .reading import Asked, each, file_of, records_in, stored_in

SOURCES = (*databases.SOURCES, *files.SOURCES)
"""The systems that are read: the names that `tokenry import --from` takes."""


def rows(
    name: str,
    place: str | Path,
    *,
    owner: str | None = None,
    table: str | None = None,
    pepper: str | None = None,
) -> Iterator[ImportRow | ImportResult]:
    """Yield the keys of a system: of its database (a SQLAlchemy URL), or of its export file.

    A key that cannot be moved comes as a refused result. `owner` gets the keys of a system that knows no owners,
    `table` is the name of the table where it has another than usual, `pepper` is the secret of a system that has one.
    Raise ConfigError when the place cannot be read or has another form.
    """
    asked = Asked(name, owner, table, pepper)
    if name in databases.SOURCES:
        stored = databases.SOURCES[name]
        return each(stored_in(str(place), stored, asked), lambda record: [stored.row(record, asked)])
    if name in files.SOURCES:
        exported = files.SOURCES[name]
        return each(records_in(file_of(Path(place)), exported, asked), lambda record: exported.rows(record, asked))
    raise ConfigError(f"{shown(name)} is not a system that is read: {', '.join(SOURCES)}")
