"""Credits of keys and what is held of them, and the time zone of a tenant, in which they are refilled."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("tokenry_tenant", sa.Column("time_zone", sa.Text(), nullable=False, server_default="UTC"))
    op.add_column("tokenry_key", sa.Column("credits", sa.Text(), nullable=True))
    op.create_table(
        "tokenry_credit",
        sa.Column("tenant_id", _ident, nullable=False),
        sa.Column("key_id", _ident, nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        _count("extra"),
        _count("held"),
        _count("epoch"),
        sa.Column("refill_at", sa.BigInteger(), nullable=True),
        sa.Column("hold_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "key_id"),
    )
    op.create_table(
        "tokenry_credit_hold",
        sa.Column("tenant_id", _ident, nullable=False),
        sa.Column("key_id", _ident, nullable=False),
        sa.Column("id", _ident, nullable=False),
        _count("amount"),
        _count("epoch"),
        _count("extra"),
        sa.Column("on_expiry", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "id"),
    )


def downgrade() -> None:
    op.drop_table("tokenry_credit_hold")
    op.drop_table("tokenry_credit")
    op.drop_column("tokenry_key", "credits")
    op.drop_column("tokenry_tenant", "time_zone")
