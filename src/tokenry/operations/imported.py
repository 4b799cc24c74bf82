"""Requests and answers of an import over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta

from ..core.errors import FieldError
from ..core.foreign import ImportResult, ImportSummary, Outcome
from .answers import Answer, FieldProblem

ROWS_MAX: Final = 1000
_ROW: Final = {
    "id": "17",
    "owner": "user-42",
    "hash": {"scheme": "sha256", "value": "4c806362b613f7496abf284146efd31da90e4b16169fe001841ca17290f427c4"},
    "hint": {"prefix": "tt_"},
    "scopes": ["read:projects"],
}
Rows = Annotated[
    list[dict[str, Any]],
    Meta(
        max_length=ROWS_MAX,
        description="Keys of the other system (docs/import.md).",
        examples=[[_ROW]],
    ),
]


DryImport = Annotated[bool, Meta(description="Only say what would become of every row.")]


class ImportResultDocument(msgspec.Struct):
    """The result for one row: `imported`, `exists` (it was imported before) or `refused`, with the reasons."""

    id: str
    status: str
    key: str | None
    errors: list[FieldProblem]
    notes: list[str]


class ImportDocument(msgspec.Struct):
    """The results for the rows of an import."""

    dry_run: bool
    imported_count: int
    existing_count: int
    refused_count: int
    results: list[ImportResultDocument]


def _write(found: ImportSummary) -> ImportDocument:
    results = [
        ImportResultDocument(one.id, one.status, one.key, [FieldProblem(*error) for error in one.errors], [*one.notes])
        for one in found.results
    ]
    counts = (found.imported_count, found.existing_count, found.refused_count)
    return ImportDocument(found.dry_run, *counts, results)


def _error(one: FieldProblem) -> FieldError:
    return FieldError(one.field, one.code, one.message)


def _read(found: Any) -> ImportSummary:
    document = msgspec.convert(found, ImportDocument)
    results = tuple(
        ImportResult(one.id, cast(Outcome, one.status), one.key, tuple(map(_error, one.errors)), tuple(one.notes))
        for one in document.results
    )
    refused = tuple(one for one in results if one.status == "refused")
    counts = (document.imported_count, document.existing_count, document.refused_count)
    return ImportSummary(*counts, refused, document.dry_run, results)


IMPORTED: Final = Answer(ImportDocument, _write, _read)
