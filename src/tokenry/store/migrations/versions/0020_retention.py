"""Idle keys, usage by day, and where the jobs of upkeep and the revocation journal have got to."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("tokenry_tenant", sa.Column("max_idle", sa.BigInteger(), nullable=True))
    for name in ("enabled_at", "idle_notice_at"):
        op.add_column("tokenry_key", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_table(
        "tokenry_usage_day",
        sa.Column("tenant_id", _ident, nullable=False),
        sa.Column("key_id", _ident, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", _ident, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "at", "code"),
    )
    op.create_table(
        "tokenry_upkeep",
        sa.Column("name", _ident, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index("tokenry_event_place", "tokenry_event", ["txid", "sequence"])
    op.create_index("tokenry_usage_hour_at", "tokenry_usage_hour", ["at"])
    op.create_index("tokenry_usage_day_at", "tokenry_usage_day", ["at"])


def downgrade() -> None:
    op.drop_index("tokenry_usage_hour_at", "tokenry_usage_hour")
    op.drop_index("tokenry_event_place", "tokenry_event")
    op.drop_table("tokenry_upkeep")
    op.drop_table("tokenry_usage_day")
    for name in ("idle_notice_at", "enabled_at"):
        op.drop_column("tokenry_key", name)
    op.drop_column("tokenry_tenant", "max_idle")
