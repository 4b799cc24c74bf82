"""Sessions, and the keys that sign access tokens.

Going back ends all sessions, and no access token is accepted any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

IDENT = sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql")


def upgrade() -> None:
    _session()
    _signing_key()


def downgrade() -> None:
    op.drop_table("tokenry_signing_key")
    op.drop_table("tokenry_session")


def _session() -> None:
    op.create_table(
        "tokenry_session",
        sa.Column("id", IDENT, nullable=False),
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("owner_id", IDENT, nullable=False),
        sa.Column("kid", IDENT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("generation_id", IDENT, nullable=False),
        sa.Column("parent_digest", sa.LargeBinary(), nullable=True),
        sa.Column("parent_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("elder_digest", sa.LargeBinary(), nullable=True),
        sa.Column("elder_nonce", sa.LargeBinary(), nullable=True),
        sa.Column("elder_generation_id", IDENT, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=True),
        sa.Column("audience", sa.Text(), server_default="[]", nullable=False),
        sa.Column("claims", sa.Text(), server_default="{}", nullable=False),
        sa.Column("device", sa.Text(), server_default="{}", nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("idle_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoke_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "owner_id"],
            ["tokenry_owner.tenant_id", "tokenry_owner.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kid"),
    )
    op.create_index("tokenry_session_owner", "tokenry_session", ["tenant_id", "owner_id", "id"], unique=False)
    op.create_index("tokenry_session_expires_at", "tokenry_session", ["expires_at"], unique=False)


def _signing_key() -> None:
    op.create_table(
        "tokenry_signing_key",
        sa.Column("kid", IDENT, nullable=False),
        sa.Column("tenant_id", IDENT, nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("generation_id", IDENT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tokenry_tenant.id"],
        ),
        sa.PrimaryKeyConstraint("kid"),
    )
    op.create_index("tokenry_signing_key_tenant", "tokenry_signing_key", ["tenant_id"], unique=False)
