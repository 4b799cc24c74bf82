"""Shares of credits: a process takes them from keys that allow it, and spends them without asking the database.

A share is taken from the balance before it is used, so no more than the balance is ever spent. The unused share of a
killed process is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from tokenry.core.credits import Balance, CreditState, state_of
from tokenry.core.grant import Grant
from tokenry.core.limits import SECOND

_IDLE = SECOND


class Returned(NamedTuple):
    """Credits to give back."""

    tenant_id: str
    key_id: str
    epoch: int
    units: int


class _Share:
    """The share of one secret's key in this process."""

    __slots__ = ("balance", "grant", "key_id", "state", "tenant_id", "units", "used_at", "version")

    def __init__(self, grant: Grant, balance: Balance, units: int, now: int) -> None:
        assert grant.credits is not None
        self.grant = grant
        self.tenant_id = grant.tenant_id
        self.key_id, self.version = grant.holder("key")
        self.balance = balance
        self.state = state_of(self.key_id, grant.credits, balance)
        self.units = units
        self.used_at = now

    def is_void(self, now: int) -> bool:
        """Tell whether a refill has replaced what was left."""
        return self.balance.refill_at is not None and now >= self.balance.refill_at

    def returned(self) -> Returned:
        """Return the units to give back."""
        return Returned(self.tenant_id, self.key_id, self.balance.epoch, self.units)


class CreditShares:
    """The shares of this process, by secret."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the shares stay with the parent."""
        self._lock = threading.Lock()
        self._shares: dict[str, _Share] = {}
        self._returns: list[Returned] = []

    def has(self, grant: Grant, cost: int, now: int) -> bool:
        """Tell whether a cost can be spent without asking, if no other thread is faster."""
        share = self._shares.get(grant.kid)
        return share is not None and share.units >= cost and not share.is_void(now)

    def spend(self, grant: Grant, cost: int, now: int) -> CreditState | None:
        """Spend of a share and return what is left; None when the store must be asked."""
        with self._lock:
            share = self._shares.get(grant.kid)
            if share is None:
                return None
            if share.grant is not grant and not self._goes_on(share, grant):
                return None
            if share.is_void(now):
                del self._shares[grant.kid]
                return None
            if share.units < cost:
                return None
            share.units -= cost
            share.used_at = now
            return replace(share.state, remaining=max(0, share.balance.left) + share.units)

    def fill(self, grant: Grant, balance: Balance, units: int, now: int) -> None:
        """Put units that were taken into the share of a secret; they are of the epoch of `balance`."""
        with self._lock:
            share = self._shares.get(grant.kid)
            if share is not None and share.balance.epoch == balance.epoch and share.version == grant.holder("key")[1]:
                units += share.units
            elif share is not None and share.units:
                self._returns.append(share.returned())
            self._shares[grant.kid] = _Share(grant, balance, units, now)

    def idle(self, now: int, *, everything: bool = False) -> list[Returned]:
        """Take out what is idle, to be given back."""
        with self._lock:
            returns, self._returns = self._returns, []
            for kid, share in list(self._shares.items()):
                if everything or share.is_void(now) or now - share.used_at >= _IDLE:
                    del self._shares[kid]
                    if share.units:
                        returns.append(share.returned())
        return sorted(returns)  # in one order, so that two processes never wait for each other in a ring

    def put_back(self, returns: Iterable[Returned]) -> None:
        """Keep what could not be given back for the next time."""
        with self._lock:
            self._returns += returns

    def _goes_on(self, share: _Share, grant: Grant) -> bool:
        """Tell whether a share serves another grant of its secret; after a change of the key it goes back."""
        version = grant.holder("key")[1]
        if version > share.version:
            del self._shares[grant.kid]
            self._returns.append(share.returned())
            return False
        if version == share.version:
            share.grant = grant
        return True
