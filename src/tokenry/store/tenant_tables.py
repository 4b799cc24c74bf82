"""The table of tenants."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

from .columns import at, id_of, table, words

tenant = table(
    "tenant",
    id_of("id", primary_key=True),
    id_of("slug", unique=True),
    words("name"),
    words("key_prefix"),
    words("status"),
    Column("expires_in_default", BigInteger, nullable=False),
    Column("expires_in_max", BigInteger, nullable=False),
    Column("never_allowed", Boolean, nullable=False),
    Column("self_rotation_allowed", Boolean, nullable=False),
    words("default_limits", "[]"),
    words("shared_limits", "[]"),
    Column("limits_version", Integer, nullable=False, server_default="0"),
    words("time_zone", "UTC"),
    words("on_leak", "revoke"),
    Column("max_idle", BigInteger, nullable=True),
    Column("contact", Text, nullable=True),
    at("created_at"),
)
