"""Open holds of a key are found, and holds that ended long ago, without a look at all others."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

TABLE = "tokenry_credit_hold"
OPEN, ENDED = sa.text("ended_at IS NULL"), sa.text("ended_at IS NOT NULL")
KEY = ["tenant_id", "key_id", "expires_at"]


def upgrade() -> None:
    op.create_index(f"{TABLE}_open", TABLE, KEY, sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index(f"{TABLE}_ended_at", TABLE, ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)


def downgrade() -> None:
    op.drop_index(f"{TABLE}_ended_at", TABLE)
    op.drop_index(f"{TABLE}_open", TABLE)
