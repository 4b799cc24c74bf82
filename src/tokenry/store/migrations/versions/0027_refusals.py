"""The last refusals of each key."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
NAMED = sa.text("request_id IS NOT NULL")


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, _ident, nullable=False)


def upgrade() -> None:
    op.create_table(
        "tokenry_refusal",
        _id("tenant_id"),
        _id("id"),
        _id("key_id"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _id("code"),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_refusal_key", "tokenry_refusal", ["tenant_id", "key_id", "id"])
    op.create_index("tokenry_refusal_at", "tokenry_refusal", ["at"])
    op.create_index(
        "tokenry_refusal_request",
        "tokenry_refusal",
        ["tenant_id", "request_id"],
        sqlite_where=NAMED,
        postgresql_where=NAMED,
    )


def downgrade() -> None:
    op.drop_table("tokenry_refusal")
