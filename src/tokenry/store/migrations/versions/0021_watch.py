"""Leak reports: the policy of a tenant, the mark on a secret, and notices that are given once an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokenry_tenant", sa.Column("on_leak", sa.Text(), nullable=False, server_default="revoke"))
    op.add_column("tokenry_secret", sa.Column("leaked_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "tokenry_notice",
        _id("tenant_id"),
        _id("subject"),
        _id("about"),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subject", "about", "hour"),
    )
    op.create_index("tokenry_notice_hour", "tokenry_notice", ["hour"])


def downgrade() -> None:
    op.drop_table("tokenry_notice")
    op.drop_column("tokenry_secret", "leaked_at")
    op.drop_column("tokenry_tenant", "on_leak")


def _id(name: str) -> sa.Column[str]:
    ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    return sa.Column(name, ident, nullable=False)
