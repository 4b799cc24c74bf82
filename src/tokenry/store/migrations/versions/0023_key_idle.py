"""How long a single key may be idle."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokenry_key", sa.Column("max_idle", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("tokenry_key", "max_idle")
