"""Limits at local speed: a process leases shares of a window from the store and spends them here.

A share belongs to one window and dies with it. Whoever still lives gives back what it does not need; what a dead
process held counts as spent. So never more than the limit is admitted, whoever is killed, forked or restarted.

How large a limit is, the newest version of its key that was seen here says: a grant that was looked up before a change
neither brings the old limit back nor spends what was leased under it.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from tokenry.core.grant import Grant
from tokenry.core.limits import SECOND, CountedLimit, Limit, LimitState, carries, reset_at, seconds_until, state
from tokenry.core.ports import Want
from tokenry.core.verdict import Refused, Taken

from .credit_shares import CreditShares

_ASK_AGAIN = SECOND // 10
_IDLE = SECOND
_FORGET = 60 * SECOND


class Counter:
    """What this process holds of one limit of one holder. `left` is what the store had besides, None when unknown.

    `limit` is an object of this counter and this version alone: a share that was leased for another one is not filled
    in here, even if the two are equal.
    """

    __slots__ = ("asked_at", "holder_id", "left", "limit", "span", "tenant_id", "units", "used_at", "version", "window")

    def __init__(self, tenant_id: str, holder_id: str, limit: CountedLimit, version: tuple[int, ...], now: int) -> None:
        self.tenant_id = tenant_id
        self.holder_id = holder_id
        self.asked_at = 0
        self.used_at = now
        self.renew(limit, version)

    def renew(self, limit: CountedLimit, version: tuple[int, ...]) -> None:
        """Begin anew with the limit of a version; the store knows what was taken."""
        self.limit = replace(limit)
        self.version = version
        self.span = limit.window_seconds * SECOND
        self.window = -1
        self.units = 0
        self.left: int | None = None

    def want(self, units: int) -> Want:
        """Return the wish for so many units of the current window."""
        return Want(self.tenant_id, self.holder_id, self.limit, self.window, units)

    def enter(self, now: int) -> None:
        """Go over to the window of this moment; units of an older one are void. Windows never go backwards."""
        window = now // self.span
        if window > self.window:
            self.window, self.units, self.left = window, 0, None

    def state(self) -> LimitState:
        """Return the public state."""
        return state(self.limit, self.window, self.units + (self.left or 0))


class Leases:
    """All counters of this process, by holder and limit name: they outlive any grant."""

    def __init__(self) -> None:
        self.credits = CreditShares()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the shares stay with the parent."""
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, str], Counter] = {}
        self._returns: list[Want] = []
        self.credits.forget()

    def take(self, grant: Grant, cost: int, now: int) -> Taken | list[Want] | Refused:
        """Take `cost` of every limit, or nothing: what must be leased first, or the refusal."""
        counters: tuple[Counter, ...] | None = grant.counters
        with self._lock:
            if counters is not None:
                for counter in counters:
                    if now // counter.span > counter.window or counter.units < cost or counter.left is None:
                        break
                else:
                    return _spend(counters, cost, now)
            counters = self._bind(grant, now)
            for counter in counters:
                counter.enter(now)
            if all(counter.units >= cost and counter.left is not None for counter in counters):
                return _spend(counters, cost, now)
            lacking = _lacking(counters, cost, now)
            if isinstance(lacking, Refused):
                return lacking
            # In one order, as everywhere; of one limit, first what goes back.
            return sorted(lacking + self._own_returns(counters), key=_order)

    def untake(self, grant: Grant, taken: Taken, cost: int) -> None:
        """Give back what was just taken; a window that has ended meanwhile, or a limit that has changed, keeps it."""
        with self._lock:
            for counter, (limit, window, _) in zip(grant.counters or (), taken, strict=False):
                if counter.limit is limit and counter.window == window:
                    counter.units += cost

    def fill(self, grant: Grant, wants: list[Want], shares: list[tuple[int, int, int]], now: int) -> None:
        """Put leased shares into their counters. What was leased of a limit that has changed meanwhile goes back."""
        with self._lock:
            for want, (window, units, left) in zip(wants, shares, strict=True):
                if want.need < 0:  # was given back
                    continue
                counter = self._counters.get((want.holder_id, want.limit.name))
                if counter is None or counter.limit is not want.limit:
                    if units:
                        self._returns.append(replace(want, window=window, need=units))
                    continue
                if window > counter.window:
                    counter.window, counter.units = window, 0
                if window == counter.window:
                    counter.units += units
                    counter.left, counter.asked_at = left, now

    def held(self, holder_id: str, limit: Limit, window: int) -> int:
        """Return how many unspent units, of those that the store counts in a window, this process holds."""
        counter = self._counters.get((holder_id, limit.name))
        if counter is None or not carries(counter.limit.window_seconds, counter.window, limit, window):
            return 0
        return counter.units

    def idle(self, now: int, *, everything: bool = False) -> list[Want]:
        """Take out unspent units of counters that are idle, to be given back, and forget counters of old windows."""
        with self._lock:
            returns, self._returns = self._returns, []
            for place, counter in list(self._counters.items()):
                if counter.window < now // counter.span:
                    if not everything and now - counter.used_at > _FORGET:
                        del self._counters[place]
                        counter.left = None  # so that a grant that still holds it finds its successor
                elif counter.units and (everything or now - counter.used_at >= _IDLE):
                    returns.append(counter.want(counter.units))
                    counter.units, counter.left = 0, None
        # In one order, so that two processes on one database never lock each other up.
        return sorted(returns, key=_order)

    def _bind(self, grant: Grant, now: int) -> tuple[Counter, ...]:
        """Give a grant the counters of its limits. Of two versions of a holder the newer says how large they are."""
        tenant_id, found = grant.tenant_id, []
        for limit in grant.limits:
            holder_id, version = grant.holder(limit.of)
            place = (holder_id, limit.name)
            counter = self._counters.get(place)
            if counter is None:
                counter = self._counters[place] = Counter(tenant_id, holder_id, limit, version, now)
            elif version > counter.version or (version == counter.version and limit != counter.limit):
                # Even if the limit is the same: others may have been given more by a version in between.
                if counter.units:
                    self._returns.append(counter.want(counter.units))
                counter.renew(limit, version)
            found.append(counter)
        grant.counters = tuple(found)
        return grant.counters  # type: ignore[no-any-return]

    def _own_returns(self, counters: tuple[Counter, ...]) -> list[Want]:
        """Take out what was leased under older versions of the same limits: it goes back before more is leased."""
        if not self._returns:
            return []
        holders = {counter.holder_id for counter in counters}
        own = [want for want in self._returns if want.holder_id in holders]
        self._returns = [want for want in self._returns if want.holder_id not in holders]
        return [replace(want, need=-want.need) for want in own]


def _order(want: Want) -> tuple[str, str, int]:
    return want.holder_id, want.limit.name, want.need


def _spend(counters: tuple[Counter, ...], cost: int, now: int) -> Taken:
    for counter in counters:
        counter.units -= cost
        counter.used_at = now
    return tuple([(c.limit, c.window, c.units + (c.left or 0)) for c in counters])


def _lacking(counters: tuple[Counter, ...], cost: int, now: int) -> list[Want] | Refused:
    wants, empty = [], []
    for counter in counters:
        if counter.left is None:
            wants.append(counter.want(max(0, cost - counter.units)))
        elif counter.units < cost:
            if counter.units + counter.left >= cost or now - counter.asked_at >= _ASK_AGAIN:
                wants.append(counter.want(cost - counter.units))
            else:
                empty.append(counter)
    if empty and not any(counter.left is None for counter in counters):
        # One whose limit is below the cost refuses for ever; of the others the one whose window ends last.
        last = max(empty, key=lambda one: (one.limit.limit < cost, reset_at(one.limit, one.window)))
        never = last.limit.limit < cost
        wait = None if never else seconds_until(reset_at(last.limit, last.window), now)
        return Refused("rate_limited", wait, tuple(counter.state() for counter in counters), last.state())
    return wants
