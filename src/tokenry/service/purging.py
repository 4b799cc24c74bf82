"""Remove rows that ended long ago, in batches: upkeep does it, and no call waits for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tokenry.core.advice import WATCHED
from tokenry.core.model import micros
from tokenry.core.policy import Retention
from tokenry.core.ports import Rows

from . import audit
from .context import Context
from .usage import days_before

_BATCH = 500
_LOGS = 20
_HOUR: Final = timedelta(hours=1)
_ENDED: Final[tuple[tuple[Callable[[Retention], timedelta], Callable[[Rows, datetime], int]], ...]] = (
    (lambda kept: kept.sessions, lambda rows, before: rows.sessions.purge(before, _BATCH)),
    (lambda kept: timedelta(days=1), lambda rows, before: rows.portal.purge(before, _BATCH)),
    (lambda kept: timedelta(days=1), lambda rows, before: rows.limits.purge(before, _BATCH)),
    (lambda kept: timedelta(days=1), lambda rows, before: rows.credits.purge_holds(before, _BATCH)),
    (lambda kept: WATCHED, lambda rows, before: rows.watch.purge_asked(before, _BATCH)),
    (lambda kept: timedelta(hours=2), lambda rows, before: rows.watch.purge_notices(before, _BATCH)),
    (lambda kept: timedelta(0), lambda rows, before: rows.foreign.purge_questions(before, _BATCH)),
    (lambda kept: timedelta(days=7), lambda rows, before: rows.mail.purge(micros(before), _BATCH)),
    (lambda kept: kept.deliveries, lambda rows, before: rows.webhooks.purge(micros(before), _BATCH)),
    (lambda kept: kept.events, lambda rows, before: rows.upkeep.purge_events(before, _BATCH)),
    (lambda kept: timedelta(days=7), lambda rows, before: rows.refusals.purge(before, _BATCH)),
    (lambda kept: kept.usage, lambda rows, before: rows.usage.purge_days(before, _BATCH)),
)
"""The retention of rows, and the function that removes each kind."""


def purge(context: Context) -> bool:
    """Remove a batch of each kind, and add up a batch of usage; return whether there may be more."""
    more = False
    for kept, remove in _ENDED:
        with context.store.change(durable=False) as rows:
            more |= remove(rows, context.now() - kept(context.retention)) >= _BATCH
    with context.store.change(durable=False) as rows:
        more |= rows.usage.roll_up(days_before(context), _BATCH) >= _BATCH
    return cut_logs(context) or more


def cut_logs(context: Context) -> bool:
    """Cut a part of the audit logs with old entries, each up to a signed checkpoint; return whether there may be more.

    Once an hour the logs are looked at, by one process.
    """
    now = context.now()
    with context.store.change(durable=False) as rows:
        if rows.upkeep.claim("audit", now, _HOUR) is None:
            return False
        before = now - context.retention.audit
        logs = rows.upkeep.long_logs(before, audit.LEAST, _LOGS)
    cut = [audit.trim(context, tenant_id, before) for tenant_id in logs]
    if any(cut):
        with context.store.change(durable=False) as rows:
            rows.upkeep.put("audit", now, "more")
    return any(cut)
