"""The credits of a key, as the key is issued and changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenry.core import credits as rules
from tokenry.core.credits import Credits, CreditState
from tokenry.core.model import Key, micros

from .context import Change, Context
from .spending import current, locked

WRITE = "tokenry:credits:write"
READ = "tokenry:credits:read"


def open_accounts(change: Change, keys: Sequence[Key]) -> None:
    """Give new keys their credits."""
    zone, now = change.tenant.time_zone, micros(change.now)
    balances = [(key.id, rules.opened(key.credits, zone, now)) for key in keys if key.credits is not None]
    change.rows.credits.insert(change.tenant.id, balances)


def change_account(change: Change, key: Key, credits: Credits | None) -> None:
    """Give a key other credits, its first ones, or none any more."""
    change.actor.must(WRITE, "changing the credits of a key")
    rows, tenant_id, now = change.rows.credits, change.tenant.id, micros(change.now)
    if credits is None:
        rows.delete(tenant_id, key.id)
        return
    account = locked(change.rows, tenant_id, key.id, now)
    if account is None:
        rows.insert(tenant_id, [(key.id, rules.opened(credits, change.tenant.time_zone, now))])
    else:
        rows.write(tenant_id, key.id, rules.changed(account, credits, now), now)


def state_of(context: Context, key: Key, tenant: Any) -> CreditState | None:
    """Return how the credits of a key stand that the actor has seen; None for a key without any."""
    if key.credits is None:
        return None
    with context.store.read() as rows:
        found = rows.tenants.get(context.slug_of(tenant))
        account = current(rows, found.id, key.id, context.clock()) if found is not None else None
    return None if account is None else rules.state_of(key.id, account.credits, account.balance)
