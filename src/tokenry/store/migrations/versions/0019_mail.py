"""Mail about events, addresses that want none, and the contact of a tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
DUE = sa.text("due_at IS NOT NULL")


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, _ident, nullable=False)


def _words(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=default)


def upgrade() -> None:
    op.add_column("tokenry_tenant", sa.Column("contact", sa.Text(), nullable=True))
    op.create_table(
        "tokenry_mail",
        _id("tenant_id"),
        _id("id"),
        _id("event_id"),
        _words("type"),
        _words("recipient"),
        _words("status"),
        _words("note", ""),
        _number("created_at"),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        _number("attempt_count", "0"),
        _number("lease_until", "0"),
        _words("lease_holder", ""),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index("tokenry_mail_due", "tokenry_mail", ["due_at"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("tokenry_mail_created", "tokenry_mail", ["created_at"])
    op.create_table(
        "tokenry_mail_stop",
        _id("tenant_id"),
        _words("type"),
        _id("address"),
        _number("at"),
        sa.PrimaryKeyConstraint("tenant_id", "type", "address"),
    )


def downgrade() -> None:
    op.drop_table("tokenry_mail_stop")
    op.drop_table("tokenry_mail")
    op.drop_column("tokenry_tenant", "contact")
