"""Keys that were imported from other systems, and how they look."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
HINTED = sa.text("hint IS NOT NULL")


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, _ident, nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "tokenry_foreign",
        _id("tenant_id"),
        _id("key_id"),
        _words("source"),
        _words("source_id"),
        _id("kid"),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        _id("generation_id"),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("upgraded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "key_id"),
    )
    source = ["tenant_id", "source", "source_id"]
    op.create_index("tokenry_foreign_source", "tokenry_foreign", source, unique=True)
    op.create_index("tokenry_foreign_hint", "tokenry_foreign", ["hint"], sqlite_where=HINTED, postgresql_where=HINTED)
    op.create_table(
        "tokenry_foreign_form",
        _id("tenant_id"),
        _words("prefix"),
        _words("kind"),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "prefix", "kind", "size"),
    )


def downgrade() -> None:
    op.drop_table("tokenry_foreign_form")
    op.drop_table("tokenry_foreign")
