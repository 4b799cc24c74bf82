"""Reading other systems: the rows of a database, the records of a file, and the values that both hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Select, create_engine
from sqlalchemy.exc import SQLAlchemyError

from tokenry.core.errors import ConfigError, FieldError, shown
from tokenry.core.fields import NAME_MAX, TEXT_MAX
from tokenry.core.key_fields import TAG
from tokenry.imports import ImportResult, ImportRow

FILE_MAX: Final = 64 * 1024 * 1024
_ROWS: Final = 500
_decode: Final = msgspec.json.Decoder(ImportRow).decode


@dataclass(frozen=True, slots=True)
class Asked:
    """The source to read, and the options of the reader."""

    source: str
    owner: str | None = None
    table: str | None = None
    pepper: str | None = None

    def __repr__(self) -> str:
        return f"Asked({self.source!r})"


@dataclass(frozen=True, slots=True)
class Stored:
    """A system that keeps its keys in a database: the table, what is selected, and the key that a record becomes."""

    table: str
    select: Callable[[str], Select[Any]]
    row: Callable[[Mapping[str, Any], Asked], ImportRow | ImportResult]


@dataclass(frozen=True, slots=True)
class Exported:
    """A system that exports its keys: the names under which a document holds its records, and the keys of a record."""

    names: tuple[str, ...]
    rows: Callable[[Mapping[str, Any], Asked], Iterator[ImportRow | ImportResult]]


def stored_in(url: str, source: Stored, asked: Asked) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a database, some at a time."""
    try:
        engine = create_engine(url)
        try:
            with engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection:
                for found in connection.execute(source.select(asked.table or source.table)).mappings():
                    yield dict(found)
        finally:
            engine.dispose()
    except ImportError as error:
        raise ConfigError(
            f"the database of {asked.source} cannot be read: its driver {shown(error.name or str(error))} is not "
            "installed. For PostgreSQL: pip install 'tokenry[postgres]'"
        ) from None
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise ConfigError(
            f"the database of {asked.source} cannot be read: {type(reason).__name__}: {shown(str(reason))}. See "
            f"docs/coming-from/{asked.source}.md for what is read"
        ) from None


def file_of(path: Path) -> bytes:
    """Return the content of a file; raise ConfigError for a file that cannot be read, or is too large."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise ConfigError(f"{path} has more than {FILE_MAX // 1024 // 1024} MiB: split it")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {type(error).__name__}") from None


def records_in(text: bytes, source: Exported, asked: Asked) -> Iterator[Mapping[str, Any]]:
    """Yield the records of JSON: of one document, or of one on each line. Raise ConfigError for another form."""
    for document in _documents(text, asked):
        found = document
        for name in source.names:
            if isinstance(found, Mapping) and name in found:
                found = found[name]
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise _other_form(asked, f"there is no list of records under {' or '.join(map(repr, source.names))}")
        yield from found


def _documents(text: bytes, asked: Asked) -> list[Any]:
    try:
        try:
            return [msgspec.json.decode(text)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _other_form(asked, "it is not JSON") from None


def _other_form(asked: Asked, what: str) -> ConfigError:
    """Return the error for a file that is not what is read."""
    return ConfigError(f"this is no export of {asked.source}: {what}. See docs/coming-from/{asked.source}.md")


def each(
    records: Iterator[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Iterable[ImportRow | ImportResult]]
) -> Iterator[ImportRow | ImportResult]:
    """Yield the keys of all records. One with a field of another type than usual is refused, and no other."""
    for place, record in enumerate(records):
        try:
            found = [_checked(one) for one in make(record)]
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # The error itself may show a part of the key.
            message = (
                f"record {place + 1} cannot be read ({type(error).__name__}): a field is missing or of another type"
            )
            found = [refused(record.get("id") or place + 1, "record", "bad_record", message)]
        yield from found


def _checked(row: ImportRow | ImportResult) -> ImportRow | ImportResult:
    """Return a row whose fields have the types that they should; raise for any other.

    Display-only fields are cut to fit, so that no live key is refused for its name.
    """
    if isinstance(row, ImportResult):
        return row
    row = _decode(msgspec.json.encode(row))
    return msgspec.structs.replace(
        row,
        name=_fitting(row.name, NAME_MAX),
        description=_fitting(row.description, TEXT_MAX),
        owner_name=_fitting(row.owner_name, NAME_MAX),
        tags=tuple(filter(TAG.fullmatch, row.tags))[:20],
    )


def _fitting(text: str, most: int) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most].strip()


def refused(id: object, field: str, code: str, message: str) -> ImportResult:
    """Return the result of a key that cannot be moved."""
    return ImportResult(str(id), "refused", errors=(FieldError(field, code, message),))


def moment(value: object) -> datetime | None:
    """Return a moment from what drivers and exports give: ISO 8601, or seconds (or milliseconds) since 1970."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parts(text: object) -> tuple[str, ...]:
    """Return the parts of a list, or of a text between commas."""
    listed = text if isinstance(text, (list, tuple)) else str(text or "").split(",")
    return tuple(dict.fromkeys(part for one in listed if (part := str(one).strip())))


def structure(value: object) -> Any:
    """Return the value of a JSON column, which some drivers return as text."""
    return json.loads(value) if isinstance(value, (str, bytes)) and value else value
