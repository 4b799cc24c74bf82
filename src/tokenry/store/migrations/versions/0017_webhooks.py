"""Endpoints of webhooks, and deliveries to them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"

_ident = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
DUE, ENDED = sa.text("due_at IS NOT NULL"), sa.text("ended_at IS NOT NULL")


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, _ident, nullable=False)


def _words(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=default)


def _at_or_null(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def upgrade() -> None:
    op.create_table(
        "tokenry_endpoint",
        _id("tenant_id"),
        _id("id"),
        _words("url"),
        _words("description"),
        _words("types"),
        sa.Column("include", sa.Text(), nullable=True),
        _words("status"),
        _words("pause_reason", ""),
        _at_or_null("paused_at"),
        _at_or_null("failing_since"),
        _number("failure_count", "0"),
        _number("warned_hours", "0"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _id("generation_id"),
        _words("public_key"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        _number("created_at"),
        _number("updated_at"),
        _number("cursor_txid"),
        _number("cursor_sequence"),
        _number("held_until", "0"),
        _number("lease_until", "0"),
        _words("lease_holder", ""),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_table(
        "tokenry_delivery",
        _id("tenant_id"),
        _id("endpoint_id"),
        _id("id"),
        _id("event_id"),
        _words("type"),
        _words("kind"),
        _words("status"),
        _number("created_at"),
        _at_or_null("due_at"),
        _at_or_null("ended_at"),
        _number("attempt_count", "0"),
        _words("attempts", "[]"),
        sa.PrimaryKeyConstraint("tenant_id", "endpoint_id", "id"),
    )
    due = ["tenant_id", "endpoint_id", "due_at"]
    op.create_index("tokenry_delivery_due", "tokenry_delivery", due, sqlite_where=DUE, postgresql_where=DUE)
    ended = ["ended_at"]
    op.create_index("tokenry_delivery_ended", "tokenry_delivery", ended, sqlite_where=ENDED, postgresql_where=ENDED)
    op.create_index("tokenry_delivery_event", "tokenry_delivery", ["tenant_id", "endpoint_id", "event_id"])


def downgrade() -> None:
    op.drop_table("tokenry_delivery")
    op.drop_table("tokenry_endpoint")
