"""The settings of a tenant's key page."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    op.create_table(
        "tokenry_key_page",
        sa.Column("tenant_id", ident, primary_key=True, nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("tokenry_key_page")
