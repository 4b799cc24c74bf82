"""Limits at local speed: a process leases shares of a window from the store and spends them here.

A share belongs to one window and dies with it. Whoever still lives gives back what it does not need; what a dead
process held counts as spent. So never more than the limit is admitted, whoever is killed, forked or restarted.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from tokenry.core.grant import Grant
from tokenry.core.limits import SECOND, Limit, LimitState, reset_at, seconds_until, state
from tokenry.core.ports import Want
from tokenry.core.verdict import Refused, Taken

_ASK_AGAIN = SECOND // 10
_IDLE = SECOND


class Counter:
    """What this process holds of one limit of one key. `left` is what the store had besides, None when unknown."""

    __slots__ = ("asked_at", "key_id", "left", "limit", "span", "tenant_id", "units", "used_at", "window")

    def __init__(self, tenant_id: str, key_id: str, limit: Limit) -> None:
        self.tenant_id = tenant_id
        self.key_id = key_id
        self.limit = limit
        self.span = limit.window_seconds * SECOND
        self.window = -1
        self.units = 0
        self.left: int | None = None
        self.asked_at = self.used_at = 0

    def want(self, units: int) -> Want:
        """Return the wish for so many units of the current window."""
        return Want(self.tenant_id, self.key_id, self.limit, self.window, units)

    def enter(self, now: int) -> None:
        """Go over to the window of this moment; units of an older one are void. Windows never go backwards."""
        window = now // self.span
        if window > self.window:
            self.window, self.units, self.left = window, 0, None

    def state(self) -> LimitState:
        """Return the public state."""
        return state(self.limit, self.window, self.units + (self.left or 0))


class Leases:
    """All counters of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the shares stay with the parent."""
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._returns: list[Want] = []

    def counters(self, grant: Grant) -> tuple[Counter, ...]:
        """Return the counters of a grant. They belong to key and limit name and outlive any grant."""
        key_id, tenant_id = grant.key_id, grant.tenant_id
        found: tuple[Counter, ...] = tuple(self._counter(tenant_id, key_id, limit) for limit in grant.limits)
        grant.counters = found
        return found

    def take(self, grant: Grant, cost: int, now: int) -> Taken | list[Want] | Refused:
        """Take `cost` of every limit, or nothing: what must be leased first, or the refusal."""
        counters: tuple[Counter, ...] = grant.counters or self.counters(grant)
        with self._lock:
            for counter in counters:
                counter.enter(now)
                if counter.units < cost or counter.left is None:
                    return self._lacking(counters, cost, now)
            for counter in counters:
                counter.units -= cost
                counter.used_at = now
            return tuple([(c.limit, c.window, c.units + (c.left or 0)) for c in counters])

    def fill(self, grant: Grant, wants: list[Want], shares: list[tuple[int, int, int]], now: int) -> None:
        """Put leased shares into their counters. What was leased of a limit that has changed meanwhile goes back."""
        with self._lock:
            by_limit = {counter.limit: counter for counter in grant.counters}
            for want, (window, units, left) in zip(wants, shares, strict=True):
                counter = by_limit.get(want.limit)
                if counter is None:
                    self._returns.append(replace(want, window=window, need=units))
                    continue
                if window > counter.window:
                    counter.window, counter.units = window, 0
                if window == counter.window:
                    counter.units += units
                    counter.left, counter.asked_at = left, now

    def held(self, key_id: str, limit: Limit, window: int) -> int:
        """Return how many unspent units of a window this process holds."""
        counter = self._counters.get((key_id, limit.name, limit.window_seconds))
        return counter.units if counter is not None and counter.window == window else 0

    def idle(self, now: int, *, everything: bool = False) -> list[Want]:
        """Take out unspent units of counters that are idle, to be given back, and forget counters of old windows."""
        with self._lock:
            returns, self._returns = self._returns, []
            for key, counter in list(self._counters.items()):
                if counter.window < now // counter.span:
                    if not everything and now - counter.used_at > 60 * SECOND:
                        del self._counters[key]
                elif counter.units and (everything or now - counter.used_at >= _IDLE):
                    returns.append(counter.want(counter.units))
                    counter.units, counter.left = 0, None
        return returns

    def _counter(self, tenant_id: str, key_id: str, limit: Limit) -> Counter:
        place = (key_id, limit.name, limit.window_seconds)
        with self._lock:
            counter = self._counters.get(place)
            if counter is None:
                counter = self._counters[place] = Counter(tenant_id, key_id, limit)
            elif counter.limit != limit:
                if counter.units:
                    self._returns.append(counter.want(counter.units))
                counter.limit, counter.units, counter.left = limit, 0, None
        return counter

    @staticmethod
    def _lacking(counters: tuple[Counter, ...], cost: int, now: int) -> list[Want] | Refused:
        wants, empty = [], []
        for counter in counters:
            counter.enter(now)
            if counter.left is None:
                wants.append(counter.want(max(0, cost - counter.units)))
            elif counter.units < cost:
                if counter.units + counter.left >= cost or now - counter.asked_at >= _ASK_AGAIN:
                    wants.append(counter.want(cost - counter.units))
                else:
                    empty.append(counter)
        if empty and not any(counter.left is None for counter in counters):
            wait = max(seconds_until(reset_at(counter.limit, counter.window), now) for counter in empty)
            return Refused("rate_limited", wait, tuple(counter.state() for counter in counters))
        return wants
