"""Leak reports: a tenant's policy, the mark on a secret, notices once an hour. Decoys. Scopes that were asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("tokenry_tenant", sa.Column("on_leak", sa.Text(), nullable=False, server_default="revoke"))
    op.add_column("tokenry_secret", sa.Column("leaked_at", sa.BigInteger(), nullable=True))
    op.add_column("tokenry_key", sa.Column("decoy", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "tokenry_decoy",
        _id("kid", primary_key=True),
        _id("tenant_id"),
        _id("key_id"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("tokenry_decoy_key", "tokenry_decoy", ["tenant_id", "key_id"])
    op.create_table(
        "tokenry_notice",
        _id("tenant_id"),
        _id("subject"),
        _id("about"),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subject", "about", "hour"),
    )
    op.create_index("tokenry_notice_hour", "tokenry_notice", ["hour"])

    op.create_table(
        "tokenry_scope_use",
        *[_id(name) for name in ("tenant_id", "key_id", "scope")],
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "scope"),
    )
    op.create_index("tokenry_scope_use_last_at", "tokenry_scope_use", ["last_at"])


def downgrade() -> None:
    op.drop_table("tokenry_scope_use")
    op.drop_table("tokenry_notice")
    op.drop_table("tokenry_decoy")
    op.drop_column("tokenry_key", "decoy")
    op.drop_column("tokenry_secret", "leaked_at")
    op.drop_column("tokenry_tenant", "on_leak")


def _id(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    return sa.Column(name, ident, nullable=False, primary_key=primary_key)
