"""Roles that are being deleted, and indexes for what bulk work and upkeep look for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

LIVING = sa.text("revoked_at IS NULL")
ACTIVE = sa.text("revoked_at IS NULL AND disabled_at IS NULL")
BY_EXPIRY = {
    "tokenry_key_living_expires_at": ["tenant_id", "expires_at", "id"],
    "tokenry_key_owner_expires_at": ["tenant_id", "owner_id", "expires_at", "id"],
}
ENDED = sa.text("revoked_at IS NOT NULL")
POSITION = ("tokenry_audit_position", "tokenry_audit_entry", ["tenant_id", "position"])
SEALED = sa.text("position IS NOT NULL")


def upgrade() -> None:
    op.drop_index(*POSITION[:2])
    op.create_index(*POSITION, unique=True, sqlite_where=SEALED, postgresql_where=SEALED)
    op.add_column("tokenry_role", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.drop_index("tokenry_key_expires_at", "tokenry_key")
    for name, columns in BY_EXPIRY.items():
        op.create_index(name, "tokenry_key", columns, sqlite_where=LIVING, postgresql_where=LIVING)
    op.create_index(
        "tokenry_key_notice",
        "tokenry_key",
        ["expiry_notice_days", "expires_at"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    op.create_index(
        "tokenry_session_revoked_at", "tokenry_session", ["revoked_at"], sqlite_where=ENDED, postgresql_where=ENDED
    )


def downgrade() -> None:
    op.drop_index(*POSITION[:2])
    op.create_index(*POSITION, unique=True)
    op.drop_index("tokenry_session_revoked_at", "tokenry_session")
    op.drop_index("tokenry_key_notice", "tokenry_key")
    for name in BY_EXPIRY:
        op.drop_index(name, "tokenry_key")
    op.create_index("tokenry_key_expires_at", "tokenry_key", ["tenant_id", "expires_at"])
    # An older version knows no half-deleted role; this one grants nothing any more.
    op.execute("DELETE FROM tokenry_role WHERE deleted_at IS NOT NULL")
    op.drop_column("tokenry_role", "deleted_at")
