"""At most four imported keys with a hint, and one process at a time that asks an old system for a key."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
HINTED = sa.text("hint IS NOT NULL")
FILL = """
    UPDATE tokenry_foreign SET hint_place = (
        SELECT count(*) FROM tokenry_foreign other
        WHERE other.hint = tokenry_foreign.hint AND other.key_id < tokenry_foreign.key_id
    ) WHERE sealed IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("tokenry_foreign", sa.Column("hint_place", sa.Integer(), nullable=True))
    op.execute(FILL)
    op.drop_index("tokenry_foreign_hint", "tokenry_foreign")
    place = ["hint", "hint_place"]
    op.create_index(
        "tokenry_foreign_hint", "tokenry_foreign", place, unique=True, sqlite_where=HINTED, postgresql_where=HINTED
    )
    op.create_table(
        "tokenry_foreign_question",
        sa.Column("tenant_id", _ident, nullable=False),
        sa.Column("id", _ident, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("is_unknown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_foreign_question_end", "tokenry_foreign_question", ["ends_at"])


def downgrade() -> None:
    op.drop_table("tokenry_foreign_question")
    op.drop_index("tokenry_foreign_hint", "tokenry_foreign")
    op.create_index("tokenry_foreign_hint", "tokenry_foreign", ["hint"], sqlite_where=HINTED, postgresql_where=HINTED)
    op.drop_column("tokenry_foreign", "hint_place")
