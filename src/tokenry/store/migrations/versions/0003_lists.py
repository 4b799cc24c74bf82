"""Indexes for lists: a tenant's events from a place on, what happened to one thing, a tenant's sessions."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("tokenry_event_order", "tokenry_event")
    op.create_index("tokenry_event_order", "tokenry_event", ["tenant_id", "txid", "sequence"])
    op.create_index("tokenry_audit_subject", "tokenry_audit_entry", ["tenant_id", "subject", "id"])
    op.create_index("tokenry_session_tenant", "tokenry_session", ["tenant_id", "id"])


def downgrade() -> None:
    op.drop_index("tokenry_session_tenant", "tokenry_session")
    op.drop_index("tokenry_audit_subject", "tokenry_audit_entry")
    op.drop_index("tokenry_event_order", "tokenry_event")
    op.create_index("tokenry_event_order", "tokenry_event", ["txid", "sequence"])
