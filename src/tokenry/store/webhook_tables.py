"""The tables of webhooks: endpoints, and deliveries that are under way or have ended lately."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text

from .columns import at, at_or_null, count, ident, partial_index, table, words
from .columns import id_of as _id

endpoint = table(
    "endpoint",
    _id("tenant_id"),
    _id("id"),
    words("url"),
    words("description"),
    words("types"),
    Column("include", Text, nullable=True),
    words("status"),
    words("pause_reason", ""),
    at_or_null("paused_at"),
    at_or_null("failing_since"),
    count("failure_count"),
    count("warned_hours"),
    Column("sealed", LargeBinary, nullable=False),
    Column("generation_id", ident, nullable=False),
    words("public_key"),
    Column("version", Integer, nullable=False, server_default="1"),
    at("created_at"),
    at("updated_at"),
    # The last event that was tried, in the order (txid, sequence) of the outbox.
    Column("cursor_txid", BigInteger, nullable=False),
    Column("cursor_sequence", BigInteger, nullable=False),
    # Nothing is tried before this: the endpoint asked for a pause, or failed many times.
    Column("held_until", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    words("lease_holder", ""),
    PrimaryKeyConstraint("tenant_id", "id"),
)

delivery = table(
    "delivery",
    _id("tenant_id"),
    _id("endpoint_id"),
    _id("id"),
    _id("event_id"),
    words("type"),
    words("kind"),
    words("status"),
    at("created_at"),
    at_or_null("due_at"),
    at_or_null("ended_at"),
    count("attempt_count"),
    words("attempts", "[]"),
    PrimaryKeyConstraint("tenant_id", "endpoint_id", "id"),
)
partial_index(
    "tokenry_delivery_due", delivery.c.tenant_id, delivery.c.endpoint_id, delivery.c.due_at, where="due_at IS NOT NULL"
)
partial_index("tokenry_delivery_ended", delivery.c.ended_at, where="ended_at IS NOT NULL")
Index("tokenry_delivery_event", delivery.c.tenant_id, delivery.c.endpoint_id, delivery.c.event_id)
