"""The tables of keys that were imported from other systems."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text

from .columns import at, at_or_null, id_of, partial_index, table, words

foreign = table(
    "foreign",
    id_of("tenant_id"),
    id_of("key_id"),
    words("source"),
    words("source_id"),
    id_of("kid"),
    Column("hint", Text, nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    Column("hint_place", Integer, nullable=True),
    id_of("generation_id"),
    at("imported_at"),
    at_or_null("upgraded_at"),
    PrimaryKeyConstraint("tenant_id", "key_id"),
)
"""Where keys came from, and the old hash of each until it is presented for the first time."""
Index("tokenry_foreign_source", foreign.c.tenant_id, foreign.c.source, foreign.c.source_id, unique=True)
# Each row with a hint has a place of its own: two imports at once cannot give a hint more rows than it may have.
partial_index("tokenry_foreign_hint", foreign.c.hint, foreign.c.hint_place, where="hint IS NOT NULL", unique=True)

foreign_form = table(
    "foreign_form",
    id_of("tenant_id"),
    words("prefix"),
    words("kind"),
    Column("size", Integer, nullable=False),
    at("created_at"),
    PrimaryKeyConstraint("tenant_id", "prefix", "kind", "size"),
)
"""The forms of foreign keys: a key in any other form is refused without a lookup."""

foreign_question = table(
    "foreign_question",
    id_of("tenant_id"),
    id_of("id"),
    words("holder"),
    at("ends_at"),
    Column("is_unknown", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
)
"""The keys that a process is asking an old system for, and those that one did not know, each until a moment."""
Index("tokenry_foreign_question_end", foreign_question.c.ends_at)
