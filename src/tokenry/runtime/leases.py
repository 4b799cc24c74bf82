"""Limits at local speed: a process leases shares of a window from the store and spends them here.

A share belongs to one window and ends with it. A live process gives back units that it does not need; the units of a
dead process count as spent. So never more than the limit is admitted, even when processes are killed or forked.

A share is renewed ahead, by a thread of its own, when half of it is used up: a verification waits for a lease only
when none is left. A share that was used up soon is followed by one twice as large.

The newest version of a key that was seen here decides how large its limit is: a grant that was looked up before a
change neither brings the old limit back nor spends units that were leased under it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tokenry.core.counters import Share, Subject, Want
from tokenry.core.grant import Grant
from tokenry.core.limits import (
    SECOND,
    CountedLimit,
    Limit,
    LimitState,
    carries,
    first_share,
    largest_share,
    reset_at,
    seconds_until,
    state,
)
from tokenry.core.verdict import Refused, Taken

from .credit_shares import CreditShares

_ASK_AGAIN = SECOND // 10
_ASK_AGAIN_MAX = SECOND
_IDLE = SECOND
_LONG_IDLE = 8 * SECOND
_LOOK_AGAIN = 10 * SECOND
"""How often a process that is alone looks for idle counters."""
_SOON = 32
"""A share that lasted no longer than this part of a window, and than a second, was used up soon."""
_SLICE = 500
"""How many counters are looked at before others may have the lock."""
_FORGET = 60 * SECOND
_SHARDS = 256
"""Parts of the counters. Others wait while one grows, or while its oldest counter is looked for: so each is small."""
_SHARD_MAX = 450
"""Counters of a part, so 115,000 in all, of about a kilobyte: there may be as many subjects as there are addresses."""


class Counter:
    """The units of one limit of one holder in this process. `left` are those left in the store, None when unknown.

    `limit` is an object of this counter and this version alone: a share that was leased for another limit is not filled
    in here, even if the two are equal.
    """

    __slots__ = (
        *("asked_at", "filled_at", "holder_id", "left", "limit", "low", "pause", "share", "span", "tenant_id"),
        *("units", "used_at", "version", "window"),
    )

    def __init__(self, tenant_id: str, holder_id: str, limit: CountedLimit, version: tuple[int, ...], now: int) -> None:
        self.tenant_id = tenant_id
        self.holder_id = holder_id
        self.asked_at = self.filled_at = 0
        self.pause = _ASK_AGAIN
        self.used_at = now
        self.renew(limit, version)

    def renew(self, limit: CountedLimit, version: tuple[int, ...]) -> None:
        """Begin anew with the limit of a version; the store knows what was taken."""
        self.limit = replace(limit)
        self.version = version
        self.span = limit.window_seconds * SECOND
        self.share = first_share(limit.limit)
        self.window = -1
        self.units = self.low = 0
        self.left: int | None = None

    def want(self, need: int) -> Want:
        """Return the wish for so many units of the current window, and a share besides."""
        share = min(self.share, largest_share(self.limit.limit) - self.units)
        return Want(self.tenant_id, self.holder_id, self.limit, self.window, need, share)

    def grow(self, now: int) -> None:
        """Wish for more than before if the last share was used up soon, and for less if it lasted long."""
        soon, lasted = min(SECOND, self.span // _SOON), now - self.filled_at
        if lasted <= soon:
            self.share = min(max(1, 2 * self.share), largest_share(self.limit.limit))
        elif lasted > 8 * soon:
            self.share = max(first_share(self.limit.limit), self.share // 2)

    def fill(self, share: Share, now: int, *, ahead: bool) -> None:
        """Put in a share of a window, and decide when it is renewed ahead."""
        if share.window > self.window:
            self.window, self.units = share.window, 0
        if share.window < self.window:
            return
        self.units += share.units
        self.left, self.asked_at = share.left, now
        self.pause = _ASK_AGAIN if share.units else min(2 * self.pause, _ASK_AGAIN_MAX)
        # Of a low limit nothing is leased ahead: it would be missing elsewhere.
        self.low = self.units // 2 if ahead and share.left and self.share > 1 else 0
        if share.units:
            self.filled_at = now

    def surrender(self, kept: int) -> Want:
        """Take out the units beyond what is kept, to be given back."""
        want = self.want(self.units - kept)
        self.left = (self.left or 0) + want.need if kept else None
        self.units, self.low = kept, 0
        return want

    def enter(self, now: int) -> None:
        """Go over to the window of this moment; units of an older one are void. Windows never go backwards."""
        window = now // self.span
        if window > self.window:
            self.window, self.units, self.left, self.low = window, 0, None, 0

    def state(self) -> LimitState:
        """Return the public state."""
        return state(self.limit, self.window, self.units + (self.left or 0))


def _yield() -> None:
    time.sleep(0)


class Leases:
    """All counters of this process, by holder and limit name: they outlive any grant."""

    def __init__(self, *, alone: bool = False) -> None:
        """Take whether no other process leases from this database while this one lives."""
        self._alone = alone
        self.credits = CreditShares()
        self.wake: Callable[[], None] | None = None
        """Called when a share is to be renewed ahead; None where nothing runs in the background."""
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the shares stay with the parent."""
        self._lock = threading.Lock()
        self._counters: list[dict[tuple[str, str], Counter]] = [{} for _ in range(_SHARDS)]
        self._returns: list[Want] = []
        self.credits.forget()
        self._due: list[Counter] = []
        self._look_at = 0

    def take(self, grant: Grant | Subject, cost: int, now: int) -> Taken | list[Want] | Refused:
        """Take `cost` of every limit, or nothing: then return the needed leases, or the refusal."""
        counters: tuple[Counter, ...] | None = grant.counters
        with self._lock:
            if counters is not None:
                for counter in counters:
                    if now // counter.span > counter.window or counter.units < cost or counter.left is None:
                        break
                else:
                    return self._spend(counters, cost, now)
            counters = self._bind(grant, now)
            for counter in counters:
                counter.enter(now)
            if all(counter.units >= cost and counter.left is not None for counter in counters):
                return self._spend(counters, cost, now)
            return _lacking(counters, cost, now)

    def with_returns(self, wants: Sequence[Want]) -> list[Want]:
        """Add what goes back of the same holders, such as shares of older versions: first it, then what is leased.

        Call this when a transaction is open that leases them: it is taken out, so that it goes back once.
        """
        with self._lock:
            if not self._returns:
                return sorted(wants, key=_order)
            holders = {want.holder_id for want in wants}
            own = [replace(want, need=-want.need) for want in self._returns if want.holder_id in holders]
            self._returns = [want for want in self._returns if want.holder_id not in holders]
            return sorted([*own, *wants], key=_order)

    def untake(self, grant: Grant, taken: Taken, cost: int) -> None:
        """Give back what was just taken; a window that has ended meanwhile, or a limit that has changed, keeps it."""
        with self._lock:
            for counter, (limit, window, _) in zip(grant.counters or (), taken, strict=False):
                if counter.limit is limit and counter.window == window:
                    counter.units += cost

    def fill(self, wants: Sequence[Want], shares: Sequence[Share], now: int) -> None:
        """Put leased shares into their counters. Shares of a limit that has changed meanwhile go back."""
        ahead = self.wake is not None
        with self._lock:
            for want, share in zip(wants, shares, strict=True):
                if want.need < 0:  # was given back
                    continue
                counter = self._counter(want.holder_id, want.limit.name)
                if counter is not None and counter.limit is want.limit:
                    counter.fill(share, now, ahead=ahead)
                elif share.units:
                    self._returns.append(replace(want, window=share.window, need=share.units))

    def due(self, now: int) -> list[Want]:
        """Take out the wishes for shares that are to be renewed ahead."""
        with self._lock:
            due, self._due = self._due, []
            wants = []
            for counter in due:
                if counter.window == now // counter.span and counter.left:
                    counter.grow(now)
                    wants.append(counter.want(1))
        return wants

    def held(self, holder_id: str, limit: Limit, window: int) -> int:
        """Return how many unspent units, of those that the store counts in a window, this process holds."""
        counter = self._counter(holder_id, limit.name)
        if counter is None or not carries(counter.limit.window_seconds, counter.window, limit, window):
            return 0
        return counter.units

    def idle(self, now: int, *, everything: bool = False, rest: Callable[[], None] = _yield) -> list[Want]:
        """Take out unspent units of counters that are idle, to be given back, and forget counters that hold nothing.

        Requests wait for the lock, and for the interpreter: `rest` is called between two slices.
        """
        with self._lock:
            returns, self._returns = self._returns, []
            if self._alone and not everything and now < self._look_at:
                return returns
            self._look_at = now + _LOOK_AGAIN
        seen = 0
        for shard in self._counters:
            with self._lock:
                for place, counter in list(shard.items()):
                    seen += 1
                    idle = now - counter.used_at
                    if counter.units and counter.window == now // counter.span:
                        kept = 0 if everything else self._kept(counter, idle)
                        if counter.units > kept:
                            returns.append(counter.surrender(kept))
                    elif not everything and idle > _FORGET:
                        del shard[place]
                        counter.left = None  # so that a grant that still holds it finds its successor
            if seen >= _SLICE:
                seen = 0
                rest()
        if seen:
            rest()
        return returns

    def _kept(self, counter: Counter, idle: int) -> int:
        """Return how many units a counter may keep that has been idle for so long.

        A key that comes back soon must not cost two writes each time. Where nobody else leases, a first share may stay.
        Elsewhere a thousandth of a large limit may, for a while: eight processes then hold less than a hundredth.
        """
        if idle < _IDLE:
            return counter.units
        limit = counter.limit.limit
        if self._alone:
            return first_share(limit)
        return limit // 10_000 * 10 if idle < min(_LONG_IDLE, counter.span // 8) else 0

    def _bind(self, grant: Grant | Subject, now: int) -> tuple[Counter, ...]:
        """Give a grant the counters of its limits. Of two versions of a holder the newer says how large they are."""
        tenant_id, found = grant.tenant_id, []
        for limit in grant.limits:
            holder_id, version = grant.holder(limit.of)
            place = (holder_id, limit.name)
            shard = self._counters[hash(place) % _SHARDS]
            counter = shard.get(place)
            if counter is None:
                if len(shard) >= _SHARD_MAX:
                    self._forget_oldest(shard)
                counter = shard[place] = Counter(tenant_id, holder_id, limit, version, now)
            elif version > counter.version or (version == counter.version and limit != counter.limit):
                # Even if the limit is the same: others may have been given more by a version in between.
                if counter.units:
                    self._returns.append(counter.want(counter.units))
                counter.renew(limit, version)
            found.append(counter)
        grant.counters = tuple(found)
        return grant.counters  # type: ignore[no-any-return]

    def _counter(self, holder_id: str, name: str) -> Counter | None:
        place = (holder_id, name)
        return self._counters[hash(place) % _SHARDS].get(place)

    def _forget_oldest(self, shard: dict[tuple[str, str], Counter]) -> None:
        """Forget the counter that was made first; its units go back."""
        counter = shard.pop(next(iter(shard)))
        if counter.units:
            self._returns.append(counter.want(counter.units))
        counter.units, counter.left = 0, None  # so that a grant that still holds it finds its successor

    def _spend(self, counters: tuple[Counter, ...], cost: int, now: int) -> Taken:
        for counter in counters:
            counter.units = units = counter.units - cost
            counter.used_at = now
            if units < counter.low:
                self._note(counter)
        return tuple([(c.limit, c.window, c.units + (c.left or 0)) for c in counters])

    def _note(self, counter: Counter) -> None:
        """Note once, until it is filled again, that the share of a counter is to be renewed ahead."""
        counter.low = 0
        self._due.append(counter)
        if len(self._due) == 1 and self.wake is not None:
            self.wake()


def _order(want: Want) -> tuple[str, str, int]:
    return want.holder_id, want.limit.name, want.need


def _lacking(counters: tuple[Counter, ...], cost: int, now: int) -> list[Want] | Refused:
    wants, empty = [], []
    for counter in counters:
        if counter.left is None:
            wants.append(counter.want(max(0, cost - counter.units)))
        elif counter.units < cost:
            if counter.units + counter.left >= cost or now - counter.asked_at >= counter.pause:
                counter.grow(now)
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
