"""Remove rows that ended long ago, in batches: upkeep does it, and no call waits for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tokenry.core.model import micros
from tokenry.core.ports import Rows

from .context import Context

_BATCH = 500
_ENDED: Final[tuple[tuple[timedelta, Callable[[Rows, datetime], int]], ...]] = (
    (timedelta(days=30), lambda rows, before: rows.sessions.purge(before, _BATCH)),
    (timedelta(days=1), lambda rows, before: rows.limits.purge(before, _BATCH)),
    (timedelta(days=1), lambda rows, before: rows.credits.purge_holds(before, _BATCH)),
    (timedelta(hours=2), lambda rows, before: rows.watch.purge_notices(before, _BATCH)),
    (timedelta(days=7), lambda rows, before: rows.mail.purge(micros(before), _BATCH)),
    (timedelta(days=7), lambda rows, before: rows.webhooks.purge(micros(before), _BATCH)),
)
"""How long ended rows are kept: sessions, counters of subjects, holds of credits, deliveries; and what removes them."""


def purge(context: Context) -> bool:
    """Remove a batch of each kind; return whether there may be more."""
    more = False
    for kept, remove in _ENDED:
        with context.store.change(durable=False) as rows:
            more |= remove(rows, context.now() - kept) >= _BATCH
    return more
