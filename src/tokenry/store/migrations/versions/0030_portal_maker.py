"""The key that made a link to the key page, so that its visits are counted without reading all others."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    op.add_column("tokenry_portal", sa.Column("maker_key_id", ident, nullable=True))
    maker = ["maker_key_id", "ends_at"]
    op.create_index("tokenry_portal_maker", "tokenry_portal", maker, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("tokenry_portal_maker", "tokenry_portal")
    op.drop_column("tokenry_portal", "maker_key_id")
