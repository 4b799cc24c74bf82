"""Tenants, owners, roles, scopes, keys and their secrets; audit, events, usage, limits.

The tables are written out here, not taken from `store.tables`: a migration stays what it was.
"""

import os
import time

import sqlalchemy as sa
from alembic import op

from tokenry.core.ids import make_id

revision = "0001"
down_revision = None

DAY = 86_400_000_000
IDENT = sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql")
TABLES = [
    "tokenry_secret",
    "tokenry_key",
    "tokenry_scope",
    "tokenry_role",
    "tokenry_owner",
    "tokenry_usage_hour",
    "tokenry_tenant",
    "tokenry_limit_counter",
    "tokenry_keyring_canary",
    "tokenry_idempotency",
    "tokenry_fence",
    "tokenry_event",
    "tokenry_audit_head",
    "tokenry_audit_entry",
]
TENANT = [
    "id",
    "slug",
    "name",
    "prefix",
    "status",
    "expires_in_default",
    "expires_in_max",
    "never_allowed",
    "self_rotation_allowed",
    "created_at",
]


def upgrade() -> None:
    _audit_entry()
    _audit_head()
    _event()
    _fence()
    _idempotency()
    _keyring_canary()
    _limit_counter()
    _tenant()
    _usage_hour()
    _owner()
    _role()
    _scope()
    _key()
    _secret()
    _first_rows()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _audit_entry() -> None:
    op.create_table(
        "tokenry_audit_entry",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("id", IDENT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("generation", IDENT, nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("chain", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_audit_position", "tokenry_audit_entry", ["tenant_id", "position"], unique=True)
    op.create_index(
        "tokenry_audit_unsealed",
        "tokenry_audit_entry",
        ["tenant_id", "id"],
        unique=False,
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )


def _audit_head() -> None:
    op.create_table(
        "tokenry_audit_head",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chain", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("generation", IDENT, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("cut_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cut_chain", sa.Text(), server_default="", nullable=False),
        sa.Column("cut_signature", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )


def _event() -> None:
    op.create_table(
        "tokenry_event",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("txid", sa.BigInteger(), nullable=False),
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("id", IDENT, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("tokenry_event_order", "tokenry_event", ["txid", "sequence"], unique=False)


def _fence() -> None:
    op.create_table(
        "tokenry_fence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("counter", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _idempotency() -> None:
    op.create_table(
        "tokenry_idempotency",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("id", IDENT, nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("generation", IDENT, nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_idempotency_expires_at", "tokenry_idempotency", ["expires_at"], unique=False)


def _keyring_canary() -> None:
    op.create_table(
        "tokenry_keyring_canary",
        sa.Column("generation", IDENT, nullable=False),
        sa.Column("canary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("generation"),
    )


def _limit_counter() -> None:
    op.create_table(
        "tokenry_limit_counter",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("key_id", IDENT, nullable=False),
        sa.Column("name", IDENT, nullable=False),
        sa.Column("window_seconds", sa.Integer(), nullable=False),
        sa.Column("window", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "name"),
    )


def _tenant() -> None:
    op.create_table(
        "tokenry_tenant",
        sa.Column("id", IDENT, nullable=False),
        sa.Column("slug", IDENT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expires_in_default", sa.BigInteger(), nullable=False),
        sa.Column("expires_in_max", sa.BigInteger(), nullable=False),
        sa.Column("never_allowed", sa.Boolean(), nullable=False),
        sa.Column("self_rotation_allowed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )


def _usage_hour() -> None:
    op.create_table(
        "tokenry_usage_hour",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("key_id", IDENT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", IDENT, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "at", "code"),
    )


def _owner() -> None:
    op.create_table(
        "tokenry_owner",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("id", IDENT, nullable=False),
        sa.Column(
            "external_id",
            sa.String(length=255).with_variant(sa.String(length=255, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("roles", sa.Text(), server_default="[]", nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tokenry_tenant.id"],
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index(
        "tokenry_owner_external_id",
        "tokenry_owner",
        ["tenant_id", "external_id"],
        unique=True,
        sqlite_where=sa.text("status <> 'deleted'"),
        postgresql_where=sa.text("status <> 'deleted'"),
    )


def _role() -> None:
    op.create_table(
        "tokenry_role",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("name", IDENT, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tokenry_tenant.id"],
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
    )


def _scope() -> None:
    op.create_table(
        "tokenry_scope",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("name", IDENT, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tokenry_tenant.id"],
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
    )


def _key() -> None:
    op.create_table(
        "tokenry_key",
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("id", IDENT, nullable=False),
        sa.Column("owner_id", IDENT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("scopes", sa.Text(), server_default="[]", nullable=False),
        sa.Column("roles", sa.Text(), server_default="[]", nullable=False),
        sa.Column("allowed_ips", sa.Text(), server_default="[]", nullable=False),
        sa.Column("limits", sa.Text(), server_default="[]", nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), server_default="{}", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoke_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("expiry_notice_days", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["tokenry_owner.tenant_id", "tokenry_owner.id"],
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_key_expires_at", "tokenry_key", ["tenant_id", "expires_at"], unique=False)
    op.create_index(
        "tokenry_key_name",
        "tokenry_key",
        ["tenant_id", "owner_id", "name_folded"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_index("tokenry_key_owner", "tokenry_key", ["tenant_id", "owner_id", "id"], unique=False)


def _secret() -> None:
    op.create_table(
        "tokenry_secret",
        sa.Column("kid", IDENT, nullable=False),
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("key_id", IDENT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper_id", IDENT, nullable=False),
        sa.Column("tag_id", IDENT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_ip", sa.Text(), nullable=True),
        sa.Column("use_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_id"],
            ["tokenry_key.tenant_id", "tokenry_key.id"],
        ),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_index(
        "tokenry_secret_current",
        "tokenry_secret",
        ["tenant_id", "key_id"],
        unique=True,
        sqlite_where=sa.text("ends_at IS NULL"),
        postgresql_where=sa.text("ends_at IS NULL"),
    )
    op.create_index("tokenry_secret_key", "tokenry_secret", ["tenant_id", "key_id"], unique=False)


def _first_rows() -> None:
    now = time.time_ns() // 1000
    tenant = sa.table("tokenry_tenant", *(sa.column(name) for name in TENANT))
    rows = [
        (
            make_id("ten", now, os.urandom(10)),
            slug,
            slug.title(),
            "tk",
            "active",
            90 * DAY,
            3650 * DAY,
            True,
            False,
            now,
        )
        for slug in ("default", "system")
    ]
    op.bulk_insert(tenant, [dict(zip(TENANT, row, strict=True)) for row in rows])
    op.execute("INSERT INTO tokenry_fence (id, counter) VALUES (1, 0)")
