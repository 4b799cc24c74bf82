"""The tables about keys under watch, and their last refusals."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Text

from .columns import at, partial_index, table, words
from .columns import id_of as _id

decoy = table("decoy", _id("kid", primary_key=True), _id("tenant_id"), _id("key_id"), at("created_at"))
"""The secrets of decoys. Verifications never look here, so that a decoy is as unknown to them as any other text."""
Index("tokenry_decoy_key", decoy.c.tenant_id, decoy.c.key_id)

notice = table(
    "notice",
    _id("tenant_id"),
    _id("subject"),
    _id("about"),
    at("hour"),
    PrimaryKeyConstraint("tenant_id", "subject", "about", "hour"),
)
"""Notices about keys and sessions: one of each kind in an hour."""
Index("tokenry_notice_hour", notice.c.hour)

scope_use = table(
    "scope_use",
    _id("tenant_id"),
    _id("key_id"),
    _id("scope"),
    at("first_at"),
    at("last_at"),
    PrimaryKeyConstraint("tenant_id", "key_id", "scope"),
)
"""Which scopes of its own a key was asked for, and when; the scope "" means verifications that asked for no scope."""
Index("tokenry_scope_use_last_at", scope_use.c.last_at)

refusal = table(
    "refusal",
    _id("tenant_id"),
    _id("id"),
    _id("key_id"),
    at("at"),
    _id("code"),
    Column("ip", Text, nullable=True),
    words("scopes"),
    Column("request_id", Text, nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
)
"""The last refusals of each key, which all processes write: a console shows those of every worker."""
Index("tokenry_refusal_key", refusal.c.tenant_id, refusal.c.key_id, refusal.c.id)
Index("tokenry_refusal_at", refusal.c.at)
partial_index("tokenry_refusal_request", refusal.c.tenant_id, refusal.c.request_id, where="request_id IS NOT NULL")
