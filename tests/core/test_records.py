"""A record is declared once: its fields say which columns there are and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tokenry.core.records import KEY, OWNER, SECRET, SESSION, TENANT, Stored
from tokenry.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A record that no store knows."""

    id: str
    words: tuple[str, ...]
    read_at: datetime | None = None
    tags: tuple[str, ...] | None = None
    where: str = ""


@pytest.mark.parametrize(
    ("stored", "table"),
    [
        (TENANT, tables.tenant),
        (OWNER, tables.owner),
        (KEY, tables.key),
        (SECRET, tables.secret),
        (SESSION, tables.session),
    ],
    ids=["tenant", "owner", "key", "secret", "session"],
)
def test_every_stored_field_is_a_column(stored: Stored[object], table: object) -> None:
    assert set(stored.columns) <= set(table.c.keys())  # type: ignore[attr-defined]


def test_a_record_is_read_by_the_types_of_its_fields() -> None:
    notes = Stored(Note, given=("where",))
    assert notes.columns == ("id", "words", "read_at", "tags")
    note = Note(id="a", words=("b", "c"), read_at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), where="here")
    assert notes.record(["a", '["b","c"]', 1_000_000, None, "of somebody else"], where="here") == note
    assert notes.row(note) == {"id": "a", "words": ("b", "c"), "read_at": note.read_at, "tags": None}
    assert notes.record(["a", "[]", None, '["x"]'], where="").tags == ("x",)


def test_a_field_that_the_reader_knows_is_no_column() -> None:
    notes = Stored(Note, renamed={"id": "number"}).without("words", "tags", "where")
    assert notes.columns == ("number", "read_at")
    assert notes.row(Note(id="a", words=())) == {"number": "a", "read_at": None}
    assert notes.record(["a", None], words=(), tags=None, where="") == Note(id="a", words=())


def test_a_type_that_nobody_can_read_is_named_at_once() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        number: complex

    with pytest.raises(TypeError, match=r"Odd\.number: .*complex"):
        Stored(Odd)
