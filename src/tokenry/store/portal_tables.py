"""The tables of the key page: visits that begin with a link, and the settings of each tenant."""

from __future__ import annotations

from sqlalchemy import Column, Index

from .columns import at, at_or_null, id_of, ident, partial_index, table, words

portal = table(
    "portal",
    id_of("id", primary_key=True),
    id_of("tenant_id"),
    id_of("owner_id"),
    words("document"),
    id_of("generation_id"),
    words("mac"),
    at("ends_at"),
    at_or_null("entered_at"),
    at_or_null("ended_at"),
    Column("maker_key_id", ident, nullable=True),
)
Index("tokenry_portal_ends_at", portal.c.ends_at)
partial_index("tokenry_portal_owner", portal.c.tenant_id, portal.c.owner_id, where="ended_at IS NULL")
partial_index("tokenry_portal_maker", portal.c.maker_key_id, portal.c.ends_at, where="ended_at IS NULL")

key_page = table("key_page", id_of("tenant_id", primary_key=True), words("settings"))
