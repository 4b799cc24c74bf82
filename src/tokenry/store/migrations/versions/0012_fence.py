"""Turns and nodes, by which processes on PostgreSQL hear of each other's changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    kids = sa.Text().with_variant(ARRAY(sa.Text), "postgresql")
    applied = sa.Text().with_variant(ARRAY(sa.BigInteger), "postgresql")
    op.create_table(
        "tokenry_turn",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("kids", kids, nullable=True),
    )
    op.create_table(
        "tokenry_node",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("gone", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("applied", applied, nullable=False, server_default="{}"),
        postgresql_with={"fillfactor": "50"},
    )


def downgrade() -> None:
    op.drop_table("tokenry_node")
    op.drop_table("tokenry_turn")
