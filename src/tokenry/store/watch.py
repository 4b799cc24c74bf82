"""Keys under watch, in SQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, text, tuple_

from tokenry.core.model import Tenant, micros

from .tables import notice

_HOUR = 3_600_000_000
_FIRST = text("""
    INSERT INTO tokenry_notice (tenant_id, subject, about, hour) VALUES (:tenant_id, :subject, :about, :hour)
    ON CONFLICT DO NOTHING
""")
_PLACE = (notice.c.tenant_id, notice.c.subject, notice.c.about, notice.c.hour)


class WatchRows:
    """Keys under watch, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def first_notice(self, tenant: Tenant, subject: str, about: str, now: datetime) -> bool:
        """Note that something is told of a key or session; return whether it was not told in this hour before."""
        given = {"tenant_id": tenant.id, "subject": subject, "about": about, "hour": micros(now) // _HOUR * _HOUR}
        return self._connection.execute(_FIRST, given).rowcount == 1

    def purge_notices(self, before: datetime, limit: int) -> int:
        """Remove notices of hours that are over; return how many."""
        old = select(*_PLACE).where(notice.c.hour < micros(before)).limit(limit)
        return self._connection.execute(delete(notice).where(tuple_(*_PLACE).in_(old))).rowcount
