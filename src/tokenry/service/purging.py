"""Remove rows that ended long ago, in batches: upkeep does it, and no call waits for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from tokenry.core.advice import WATCHED
from tokenry.core.policy import Retention
from tokenry.core.upkeep_ports import Removable

from . import audit
from .context import Context
from .usage import days_before

_BATCH = 500
_LOGS = 20
_HOUR: Final = timedelta(hours=1)
_ENDED: Final[Mapping[Removable, Callable[[Retention], timedelta]]] = {
    "sessions": lambda kept: kept.sessions,
    "visits": lambda kept: timedelta(days=1),
    "limit counters": lambda kept: timedelta(days=1),
    "holds of credits": lambda kept: timedelta(days=1),
    "uses of scopes": lambda kept: WATCHED,
    "notices": lambda kept: timedelta(hours=2),
    "questions": lambda kept: timedelta(0),
    "mails": lambda kept: timedelta(days=7),
    "deliveries": lambda kept: kept.deliveries,
    "events": lambda kept: kept.events,
    "refusals": lambda kept: timedelta(days=7),
    "days of usage": lambda kept: kept.usage,
}
"""How long rows of each kind are kept after their end."""


def purge(context: Context) -> bool:
    """Remove a batch of each kind, and add up a batch of usage; return whether there may be more."""
    more, kinds = False, deque(_ENDED)
    while kinds:
        removed = 0
        with context.store.change(durable=False) as rows:  # committed once it has removed something
            while kinds and not removed:
                what = kinds.popleft()
                removed = rows.upkeep.purge(what, context.now() - _ENDED[what](context.retention), _BATCH)
        more |= removed >= _BATCH
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
