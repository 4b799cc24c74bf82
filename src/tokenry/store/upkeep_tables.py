"""The tables that upkeep works on: usage by hour and by day, and where each of its jobs has got to."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint

from .columns import at, count, table, words
from .columns import id_of as _id

usage_hour, usage_day = [
    table(
        name,
        _id("tenant_id"),
        _id("key_id"),
        at("at"),
        _id("code"),
        count("count"),
        PrimaryKeyConstraint("tenant_id", "key_id", "at", "code"),
    )
    for name in ("usage_hour", "usage_day")
]
for _of in (usage_hour, usage_day):
    Index(f"{_of.name}_at", _of.c.at)
    Index(f"{_of.name}_tenant", _of.c.tenant_id, _of.c.at)

upkeep = table("upkeep", _id("name", primary_key=True), at("at"), words("place", ""))
