"""The usage of a whole tenant since a moment."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLES = ("tokenry_usage_hour", "tokenry_usage_day")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(f"{table}_tenant", table, ["tenant_id", "at"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"{table}_tenant", table)
