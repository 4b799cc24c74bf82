"""The tables. They may live in a host's own database, so every name starts with `tokenry_`.

Times are microseconds since the epoch (UTC), lists are JSON text: alike on SQLite and PostgreSQL. Ids are compared byte
by byte, whatever the collation of the database. The migrations are the truth for installations; a test compares them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY

from .columns import PREFIX as PREFIX
from .columns import VERSION_TABLE as VERSION_TABLE
from .columns import at as _at
from .columns import at_or_null as _at_or_null
from .columns import count as _count
from .columns import id_of as _id
from .columns import ident as _ident
from .columns import metadata as metadata
from .columns import partial_index as _partial_index
from .columns import serial as _serial
from .columns import table as _table
from .columns import words as _text
from .mail_tables import mail as mail
from .mail_tables import mail_stop as mail_stop
from .portal_tables import key_page as key_page
from .portal_tables import portal as portal
from .tenant_tables import tenant as tenant
from .upkeep_tables import upkeep as upkeep
from .upkeep_tables import usage_day as usage_day
from .upkeep_tables import usage_hour as usage_hour
from .watch_tables import decoy as decoy
from .watch_tables import notice as notice
from .watch_tables import refusal as refusal
from .watch_tables import scope_use as scope_use
from .webhook_tables import delivery as delivery
from .webhook_tables import endpoint as endpoint

owner = _table(
    "owner",
    _id("tenant_id"),
    _id("id"),
    Column("external_id", String(255).with_variant(String(255, collation="C"), "postgresql"), nullable=False),
    _text("name", ""),
    Column("email", Text, nullable=True),
    _text("roles", "[]"),
    Column("admin", Boolean, nullable=False),
    _text("default_limits", "[]"),
    _text("shared_limits", "[]"),
    Column("limits_version", Integer, nullable=False, server_default="0"),
    _text("status"),
    _at("created_at"),
    _at_or_null("updated_at"),
    _text("search", ""),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tokenry_tenant.id"]),
)
_partial_index(
    "tokenry_owner_external_id",
    owner.c.tenant_id,
    owner.c.external_id,
    unique=True,
    where="status <> 'deleted'",
)

role = _table(
    "role",
    _id("tenant_id"),
    _id("name"),
    _text("scopes"),
    _at_or_null("deleted_at"),
    PrimaryKeyConstraint("tenant_id", "name"),
    ForeignKeyConstraint(["tenant_id"], ["tokenry_tenant.id"]),
)

scope = _table(
    "scope",
    _id("tenant_id"),
    _id("name"),
    Column("place", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "name"),
    ForeignKeyConstraint(["tenant_id"], ["tokenry_tenant.id"]),
)

key = _table(
    "key",
    _id("tenant_id"),
    _id("id"),
    _id("owner_id"),
    _text("name"),
    Column("name_folded", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    _text("description", ""),
    _text("scopes", "[]"),
    _text("roles", "[]"),
    _text("allowed_ips", "[]"),
    _text("limits", "[]"),
    _text("environment"),
    _text("metadata", "{}"),
    _text("tags", "[]"),
    Column("credits", Text, nullable=True),
    Column("decoy", Boolean, nullable=False, server_default=false()),
    Column("max_idle", BigInteger, nullable=True),
    Column("version", Integer, nullable=False),
    _at("created_at"),
    _at_or_null("updated_at"),
    _at_or_null("expires_at"),
    _at_or_null("not_before"),
    _at_or_null("disabled_at"),
    _at_or_null("enabled_at"),
    _at_or_null("idle_notice_at"),
    _at_or_null("revoked_at"),
    _text("revoke_reason", ""),
    Column("expiry_notice_days", Integer, nullable=True),
    _text("search", ""),
    _count("used_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id", "owner_id"], ["tokenry_owner.tenant_id", "tokenry_owner.id"]),
)
_partial_index(
    "tokenry_key_name",
    key.c.tenant_id,
    key.c.owner_id,
    key.c.name_folded,
    unique=True,
    where="revoked_at IS NULL",
)
Index("tokenry_key_owner", key.c.tenant_id, key.c.owner_id, key.c.id)
for _order in ("expires_at", "used_at", "name_folded"):
    Index(f"tokenry_key_by_{_order}", key.c.tenant_id, key.c[_order], key.c.id)
_partial_index(
    "tokenry_key_living_expires_at",
    key.c.tenant_id,
    key.c.expires_at,
    key.c.id,
    where="revoked_at IS NULL",
)
_partial_index(
    "tokenry_key_owner_expires_at",
    key.c.tenant_id,
    key.c.owner_id,
    key.c.expires_at,
    key.c.id,
    where="revoked_at IS NULL",
)
_partial_index(
    "tokenry_key_notice",
    key.c.expiry_notice_days,
    key.c.expires_at,
    where="revoked_at IS NULL AND disabled_at IS NULL",
)

secret = _table(
    "secret",
    _id("kid", primary_key=True),
    _id("tenant_id"),
    _id("key_id"),
    Column("digest", LargeBinary, nullable=False),
    _id("pepper_id"),
    _id("tag_id"),
    _at("created_at"),
    *[_at_or_null(name) for name in ("ends_at", "leaked_at", "last_used_at")],
    Column("last_used_ip", Text, nullable=True),
    _count("use_count"),
    Column("owner_id", _ident, nullable=True),
    Column("document", Text, nullable=True),
    Column("seal", Text, nullable=True),
    ForeignKeyConstraint(["tenant_id", "key_id"], ["tokenry_key.tenant_id", "tokenry_key.id"]),
)
_partial_index(
    "tokenry_secret_current",
    secret.c.tenant_id,
    secret.c.key_id,
    unique=True,
    where="ends_at IS NULL",
)
Index("tokenry_secret_key", secret.c.tenant_id, secret.c.key_id)

session = _table(
    "session",
    _id("id", primary_key=True),
    _id("tenant_id"),
    _id("owner_id"),
    _id("kid", unique=True),
    Column("digest", LargeBinary, nullable=False),
    _id("generation_id"),
    Column("parent_digest", LargeBinary, nullable=True),
    Column("parent_nonce", LargeBinary, nullable=True),
    Column("elder_digest", LargeBinary, nullable=True),
    Column("elder_nonce", LargeBinary, nullable=True),
    Column("elder_generation_id", _ident, nullable=True),
    Column("generation", Integer, nullable=False),
    Column("scopes", Text, nullable=True),
    _text("audience", "[]"),
    _text("claims", "{}"),
    _text("device", "{}"),
    Column("client_id", Text, nullable=True),
    _at("created_at"),
    _at("rotated_at"),
    _at("idle_expires_at"),
    _at("expires_at"),
    _at_or_null("revoked_at"),
    _text("revoke_reason", ""),
    ForeignKeyConstraint(["tenant_id", "owner_id"], ["tokenry_owner.tenant_id", "tokenry_owner.id"]),
)
Index("tokenry_session_tenant", session.c.tenant_id, session.c.id)
Index("tokenry_session_owner", session.c.tenant_id, session.c.owner_id, session.c.id)
_partial_index(
    "tokenry_session_living",
    session.c.tenant_id,
    session.c.owner_id,
    session.c.expires_at,
    where="revoked_at IS NULL",
)
Index("tokenry_session_expires_at", session.c.expires_at)
_partial_index("tokenry_session_revoked_at", session.c.revoked_at, where="revoked_at IS NOT NULL")

signing_key = _table(
    "signing_key",
    _id("kid", primary_key=True),
    _id("tenant_id"),
    _text("algorithm"),
    Column("sealed", LargeBinary, nullable=False),
    _id("generation_id"),
    _at("created_at"),
    _at_or_null("active_at"),
    _at_or_null("retired_at"),
    _at_or_null("removed_at"),
    ForeignKeyConstraint(["tenant_id"], ["tokenry_tenant.id"]),
)
Index("tokenry_signing_key_tenant", signing_key.c.tenant_id)

keyring_canary = _table("keyring_canary", _id("generation", primary_key=True), _text("canary"))

event = _table(
    "event",
    Column("sequence", _serial, primary_key=True, autoincrement=True),
    Column("txid", BigInteger, nullable=False),
    _id("tenant_id"),
    _id("id", unique=True),
    _text("type"),
    _at("at"),
    _text("subject"),
    _text("actor"),
    _text("data"),
    sqlite_autoincrement=True,
)
Index("tokenry_event_order", event.c.tenant_id, event.c.txid, event.c.sequence)
Index("tokenry_event_place", event.c.txid, event.c.sequence)

audit_entry = _table(
    "audit_entry",
    _id("tenant_id"),
    _id("id"),
    _at("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    Column("before", Text, nullable=True),
    Column("after", Text, nullable=True),
    Column("ip", Text, nullable=True),
    Column("request_id", Text, nullable=True),
    _id("generation"),
    Column("mac", Text, nullable=False),
    Column("position", BigInteger, nullable=True),
    Column("chain", Text, nullable=True),
    Column("trace_id", Text, nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
)
Index("tokenry_audit_subject", audit_entry.c.tenant_id, audit_entry.c.subject, audit_entry.c.id)
_partial_index(
    "tokenry_audit_position",
    audit_entry.c.tenant_id,
    audit_entry.c.position,
    unique=True,
    where="position IS NOT NULL",
)
_partial_index(
    "tokenry_audit_unsealed",
    audit_entry.c.tenant_id,
    audit_entry.c.id,
    where="position IS NULL",
)

audit_head = _table(
    "audit_head",
    _id("tenant_id", primary_key=True),
    _count("position"),
    _text("chain", ""),
    _at("at"),
    _id("generation"),
    _text("signature"),
    _count("cut_position"),
    _text("cut_chain", ""),
    _text("cut_signature", ""),
)

limit_counter = _table(
    "limit_counter",
    _id("tenant_id"),
    _id("holder_id"),
    _id("name"),
    Column("window_seconds", Integer, nullable=False),
    Column("window", BigInteger, nullable=False),
    _count("taken"),
    _at_or_null("ends_at"),
    PrimaryKeyConstraint("tenant_id", "holder_id", "name"),
)
_partial_index("tokenry_limit_counter_ends_at", limit_counter.c.ends_at, where="ends_at IS NOT NULL")

credit = _table(
    "credit",
    _id("tenant_id"),
    _id("key_id"),
    Column("balance", BigInteger, nullable=False),
    _count("extra"),
    _count("held"),
    _count("epoch"),
    _at_or_null("refill_at"),
    _at_or_null("hold_at"),
    PrimaryKeyConstraint("tenant_id", "key_id"),
)

credit_hold = _table(
    "credit_hold",
    _id("tenant_id"),
    _id("key_id"),
    _id("id"),
    _count("amount"),
    _count("epoch"),
    _count("extra"),
    _text("on_expiry"),
    _at("created_at"),
    _at("expires_at"),
    Column("charged", BigInteger, nullable=True),
    _at_or_null("ended_at"),
    PrimaryKeyConstraint("tenant_id", "key_id", "id"),
)
_partial_index(
    "tokenry_credit_hold_open",
    credit_hold.c.tenant_id,
    credit_hold.c.key_id,
    credit_hold.c.expires_at,
    where="ended_at IS NULL",
)
_partial_index("tokenry_credit_hold_ended_at", credit_hold.c.ended_at, where="ended_at IS NOT NULL")

idempotency = _table(
    "idempotency",
    _id("tenant_id"),
    _id("id"),
    _text("arguments"),
    _id("generation"),
    Column("nonce", LargeBinary, nullable=False),
    _text("answer"),
    _at("expires_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
)
Index("tokenry_idempotency_expires_at", idempotency.c.expires_at)

fence = _table("fence", Column("id", Integer, primary_key=True), _count("counter"))

turn = _table(
    "turn",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kids", Text().with_variant(ARRAY(Text), "postgresql"), nullable=True),
)
"""Changes that may turn verdicts, on PostgreSQL only: whose kids they concern, or everybody's (null)."""

node = _table(
    "node",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("gone", Boolean, nullable=False, server_default=false()),
    Column("applied", Text().with_variant(ARRAY(BigInteger), "postgresql"), nullable=False, server_default="{}"),
    postgresql_with={"fillfactor": "50"},
)
"""Processes that remember, and which turns they have applied, on PostgreSQL only."""
