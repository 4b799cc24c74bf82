"""Remove rows whose time is over, of all tenants: upkeep does it, in batches.

Rows that somebody has locked are left for the next time. So this waits for nobody, and two processes that remove the
same rows never wait for each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, delete, or_, select, tuple_

from tokenry.core.model import micros
from tokenry.core.upkeep_ports import Removable

from .fixed import FixedWrite
from .foreign_tables import foreign_question
from .tables import (
    credit_hold,
    delivery,
    event,
    limit_counter,
    mail,
    notice,
    portal,
    refusal,
    scope_use,
    session,
    usage_day,
)

_BEFORE: Final[BindParameter[int]] = bindparam("before")


def _remove(table: Any, is_over: ColumnElement[bool]) -> FixedWrite:
    place = table.primary_key.columns
    found = select(*place).where(is_over).limit(bindparam("most")).with_for_update(skip_locked=True)
    return FixedWrite(delete(table).where(tuple_(*place).in_(found)), "before", "most")


def _old_events() -> ColumnElement[bool]:
    """Match old events among the first ones, since no index has their times. `_remove` locks only those that match."""
    first = select(event.c.sequence, event.c.at).order_by(event.c.sequence).limit(bindparam("most")).subquery()
    return event.c.sequence.in_(select(first.c.sequence).where(first.c.at < _BEFORE))


_STATEMENTS: Final[dict[Removable, FixedWrite]] = {
    "sessions": _remove(session, or_(session.c.expires_at < _BEFORE, session.c.revoked_at < _BEFORE)),
    "visits": _remove(portal, portal.c.ends_at < _BEFORE),
    "limit counters": _remove(limit_counter, limit_counter.c.ends_at < _BEFORE),
    "holds of credits": _remove(credit_hold, credit_hold.c.ended_at < _BEFORE),
    "uses of scopes": _remove(scope_use, scope_use.c.last_at < _BEFORE),
    "notices": _remove(notice, notice.c.hour < _BEFORE),
    "questions": _remove(foreign_question, foreign_question.c.ends_at < _BEFORE),
    "mails": _remove(mail, mail.c.created_at < _BEFORE),
    "deliveries": _remove(delivery, delivery.c.ended_at < _BEFORE),
    "events": _remove(event, _old_events()),
    "refusals": _remove(refusal, refusal.c.at < _BEFORE),
    "days of usage": _remove(usage_day, usage_day.c.at < _BEFORE),
}


def purge(connection: Connection, what: Removable, before: datetime, limit: int) -> int:
    """Remove some rows whose time was over before a moment; return how many."""
    return _STATEMENTS[what](connection, {"before": micros(before), "most": limit})
