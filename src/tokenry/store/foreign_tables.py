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
    id_of("generation_id"),
    at("imported_at"),
    at_or_null("upgraded_at"),
    PrimaryKeyConstraint("tenant_id", "key_id"),
)
"""Where keys came from, and the old hash of each until it is presented for the first time."""
Index("tokenry_foreign_source", foreign.c.tenant_id, foreign.c.source, foreign.c.source_id, unique=True)
partial_index("tokenry_foreign_hint", foreign.c.hint, where="hint IS NOT NULL")

foreign_form = table(
    "foreign_form",
    id_of("tenant_id"),
    words("prefix"),
    words("kind"),
    Column("size", Integer, nullable=False),
    at("created_at"),
    PrimaryKeyConstraint("tenant_id", "prefix", "kind", "size"),
)
"""How foreign keys look: what looks otherwise is refused without a lookup."""
