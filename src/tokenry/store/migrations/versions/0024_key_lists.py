"""The orders of a list of keys: an index for each, and the minute in which a key was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ORDERS = ("expires_at", "used_at", "name_folded")
USED = """
    UPDATE tokenry_key SET used_at = found.at - found.at % 60000000
    FROM (SELECT tenant_id, key_id, MAX(last_used_at) AS at FROM tokenry_secret GROUP BY tenant_id, key_id) AS found
    WHERE found.tenant_id = tokenry_key.tenant_id AND found.key_id = tokenry_key.id AND found.at IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("tokenry_key", sa.Column("used_at", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(USED)
    if op.get_bind().dialect.name == "postgresql":  # names stand in the order of their characters, as on SQLite
        op.alter_column("tokenry_key", "name_folded", type_=sa.Text(collation="C"))
    for order in ORDERS:
        op.create_index(f"tokenry_key_by_{order}", "tokenry_key", ["tenant_id", order, "id"])


def downgrade() -> None:
    for order in ORDERS:
        op.drop_index(f"tokenry_key_by_{order}", "tokenry_key")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("tokenry_key", "name_folded", type_=sa.Text(collation="default"))
    op.drop_column("tokenry_key", "used_at")
