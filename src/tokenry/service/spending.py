"""Taking credits: one durable write for each verification, or a share of several for a key that allows it."""

from __future__ import annotations

from dataclasses import replace

from tokenry.core import credits as rules
from tokenry.core.breaker import Breaker
from tokenry.core.counters import share_of
from tokenry.core.credits import Account, Balance, Credits, CreditState
from tokenry.core.grant import Grant
from tokenry.core.limits import first_share, seconds_until
from tokenry.core.ports import Rows, Store
from tokenry.core.process_ports import Shares
from tokenry.core.verdict import Refused


class Spending:
    """Takes credits of keys for verifications."""

    def __init__(self, store: Store, leasing: Breaker, shares: Shares) -> None:
        self._store = store
        self._leasing = leasing
        self.has = shares.has
        self.spend = shares.spend
        self._fill = shares.fill

    def take(self, grant: Grant, cost: int, now: int) -> CreditState | Refused | None:
        """Take credits and return what is left; None when the key has no credits any more."""
        assert grant.credits is not None
        tenant_id, key_id, units = grant.tenant_id, grant.key_id, 0
        if not cost:
            return self.peek(grant, now)
        with self._leasing.attempt() as seconds, self._store.change(within=seconds) as rows:
            balance = rows.credits.take(tenant_id, key_id, cost, now)
            if balance is None:
                found = _take_locked(rows, tenant_id, key_id, cost, now)
                if not isinstance(found, Balance):
                    return found
                balance = found
            if grant.credits.shared:
                units = share_of(max(0, balance.left), 0, first_share(grant.credits.amount))
                less = rows.credits.take(tenant_id, key_id, units, now) if units else None
                balance, units = (balance, 0) if less is None else (less, units)
        if units:
            self._fill(grant, balance, units, now)
        return rules.state_of(key_id, grant.credits, replace(balance, left=balance.left + units))

    def peek(self, grant: Grant, now: int) -> CreditState | None:
        """Return the credits that are left, without taking any."""
        with self._store.read() as rows:
            account = current(rows, grant.tenant_id, grant.key_id, now)
        return None if account is None else rules.state_of(grant.key_id, account.credits, account.balance)


def current(rows: Rows, tenant_id: str, key_id: str, now: int) -> Account | None:
    """Return the credits of a key as they are now: due refills and holds are computed, not written."""
    account = rows.credits.account(tenant_id, key_id, now, lock=False)
    return None if account is None else rules.settled(account, now)


def locked(rows: Rows, tenant_id: str, key_id: str, now: int) -> Account | None:
    """Return the credits of a key as they are now, locked until the end of the transaction. Write the changed account.

    Every change of an account begins here, so that holds end and refills come without a background job.
    """
    account = rows.credits.account(tenant_id, key_id, now, lock=True)
    return None if account is None else rules.settled(account, now)


def refusal(key_id: str, credits: Credits, balance: Balance, cost: int, now: int) -> Refused:
    """Return the refusal of a cost; it is worth trying again after a refill that covers it."""
    enough = balance.refill_at is not None and cost <= credits.amount + balance.extra
    wait = seconds_until(balance.refill_at, now) if balance.refill_at is not None and enough else None
    return Refused("quota_exceeded", wait, credits=rules.state_of(key_id, credits, balance))


def _take_locked(rows: Rows, tenant_id: str, key_id: str, cost: int, now: int) -> Balance | Refused | None:
    """Take credits of a key for which something is due, or of which too few are left."""
    account = locked(rows, tenant_id, key_id, now)
    if account is None:
        return None
    if account.balance.left < cost:
        rows.credits.write(tenant_id, key_id, account, now)
        return refusal(key_id, account.credits, account.balance, cost, now)
    balance = replace(account.balance, left=account.balance.left - cost)
    rows.credits.write(tenant_id, key_id, replace(account, balance=balance), now)
    return balance
