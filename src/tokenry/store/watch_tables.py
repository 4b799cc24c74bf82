"""The tables about keys under watch."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint

from .columns import at, table
from .columns import id_of as _id

notice = table(
    "notice",
    _id("tenant_id"),
    _id("subject"),
    _id("about"),
    at("hour"),
    PrimaryKeyConstraint("tenant_id", "subject", "about", "hour"),
)
"""What was told of a key or session, which is told once an hour."""
Index("tokenry_notice_hour", notice.c.hour)
