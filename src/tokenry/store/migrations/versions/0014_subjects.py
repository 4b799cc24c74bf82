"""When the window of a counter ends that belongs to a subject: such a row goes by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TABLE = "tokenry_limit_counter"
INDEX = "tokenry_limit_counter_ends_at"
WHERE = sa.text("ends_at IS NOT NULL")


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("ends_at", sa.BigInteger(), nullable=True))
    op.create_index(INDEX, TABLE, ["ends_at"], sqlite_where=WHERE, postgresql_where=WHERE)


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.drop_column(TABLE, "ends_at")
