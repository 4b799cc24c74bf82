"""Visits of the key page that begin with a link."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

OPEN = sa.text("ended_at IS NULL")


def _id(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    return sa.Column(name, ident, nullable=False, primary_key=primary_key)


def upgrade() -> None:
    op.create_table(
        "tokenry_portal",
        _id("id", primary_key=True),
        _id("tenant_id"),
        _id("owner_id"),
        sa.Column("document", sa.Text(), nullable=False),
        _id("generation_id"),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    )
    op.create_index("tokenry_portal_ends_at", "tokenry_portal", ["ends_at"])
    owner = ["tenant_id", "owner_id"]
    op.create_index("tokenry_portal_owner", "tokenry_portal", owner, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_table("tokenry_portal")
