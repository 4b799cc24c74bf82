"""Short labels of keys, as a list."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("tokenry_key", sa.Column("tags", sa.Text(), server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("tokenry_key", "tags")
