"""When keys and owners were last changed: filled with the last change that other columns tell of."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = ("tokenry_key", "tokenry_owner")
FILL = (
    "UPDATE tokenry_owner SET updated_at = created_at",
    """
    UPDATE tokenry_key SET updated_at = {greatest}(
        created_at, COALESCE(disabled_at, 0), COALESCE(revoked_at, 0), COALESCE((
            SELECT max(s.created_at) FROM tokenry_secret s
            WHERE s.tenant_id = tokenry_key.tenant_id AND s.key_id = tokenry_key.id
        ), 0)
    )
    """,
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("updated_at", sa.BigInteger(), nullable=True))
    # SQLite calls it max.
    greatest = "greatest" if op.get_bind().dialect.name == "postgresql" else "max"
    for statement in FILL:
        op.execute(statement.format(greatest=greatest))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "updated_at")
