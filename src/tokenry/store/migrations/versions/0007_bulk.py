"""Roles that are being deleted, and the living keys in the order in which they expire."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIVING = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.add_column("tokenry_role", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.drop_index("tokenry_key_expires_at", "tokenry_key")
    op.create_index(
        "tokenry_key_living_expires_at",
        "tokenry_key",
        ["tenant_id", "expires_at", "id"],
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )


def downgrade() -> None:
    op.drop_index("tokenry_key_living_expires_at", "tokenry_key")
    op.create_index("tokenry_key_expires_at", "tokenry_key", ["tenant_id", "expires_at"])
    # An older version knows no half-deleted role; this one grants nothing any more.
    op.execute("DELETE FROM tokenry_role WHERE deleted_at IS NOT NULL")
    op.drop_column("tokenry_role", "deleted_at")
