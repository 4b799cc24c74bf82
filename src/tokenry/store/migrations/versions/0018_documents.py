"""Grant documents: each secret carries what its key says, signed. Those that exist are signed here and never again.

A process of an older version would change keys without their documents, so that a key which it revokes would go on
working. A column that each of its changes reads has another name from now on: they fail instead.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("tokenry_secret", sa.Column("owner_id", _ident(), nullable=True))
    op.add_column("tokenry_secret", sa.Column("document", sa.Text(), nullable=True))
    op.add_column("tokenry_secret", sa.Column("seal", sa.Text(), nullable=True))
    op.execute("ALTER TABLE tokenry_tenant RENAME COLUMN prefix TO key_prefix")
    sign, some_secret = context.config.attributes["sign"], sa.text("SELECT 1 FROM tokenry_secret LIMIT 1")
    if sign is not None:
        sign()
    elif op.get_bind().execute(some_secret).first():
        raise RuntimeError("keys are signed with the keyring: upgrade this database with `tokenry db upgrade`")


def downgrade() -> None:
    op.execute("ALTER TABLE tokenry_tenant RENAME COLUMN key_prefix TO prefix")
    for column in ("seal", "document", "owner_id"):
        op.drop_column("tokenry_secret", column)


def _ident() -> sa.types.TypeEngine[str]:
    return sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
