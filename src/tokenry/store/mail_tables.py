"""The tables of mail: waiting and ended mails, and the addresses that want no more mail of a kind."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint

from .columns import at, at_or_null, count, partial_index, table, words
from .columns import id_of as _id

mail = table(
    "mail",
    _id("tenant_id"),
    _id("id"),
    _id("event_id"),
    words("type"),
    words("recipient"),
    words("status"),
    words("note", ""),
    at("created_at"),
    at_or_null("due_at"),
    count("attempt_count"),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    words("lease_holder", ""),
    PrimaryKeyConstraint("tenant_id", "id"),
)
partial_index("tokenry_mail_due", mail.c.due_at, where="due_at IS NOT NULL")
Index("tokenry_mail_created", mail.c.created_at)

mail_stop = table(
    "mail_stop",
    _id("tenant_id"),
    words("type"),
    # A digest: whom mail goes to stands in the rows of owners and tenants alone.
    _id("address"),
    at("at"),
    PrimaryKeyConstraint("tenant_id", "type", "address"),
)
