"""An index of the sessions that live: those of an owner are ended in batches, and ended ones are not walked over."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

LIVING = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "tokenry_session_living",
        "tokenry_session",
        ["tenant_id", "owner_id", "expires_at"],
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )


def downgrade() -> None:
    op.drop_index("tokenry_session_living", "tokenry_session")
