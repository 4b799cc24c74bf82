"""The limits of keys that name none of their own, for each tenant and owner."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = ("tokenry_tenant", "tokenry_owner")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("default_limits", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "default_limits")
