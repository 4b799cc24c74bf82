"""Limits that all keys of an owner or a tenant share. A counter belongs to any of the three, not only to a key."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = ("tokenry_tenant", "tokenry_owner")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("shared_limits", sa.Text(), nullable=False, server_default="[]"))
        op.add_column(table, sa.Column("limits_version", sa.Integer(), nullable=False, server_default="0"))
    op.execute("ALTER TABLE tokenry_limit_counter RENAME COLUMN key_id TO holder_id")


def downgrade() -> None:
    op.execute("ALTER TABLE tokenry_limit_counter RENAME COLUMN holder_id TO key_id")
    for table in TABLES:
        op.drop_column(table, "limits_version")
        op.drop_column(table, "shared_limits")
