"""The cost of a verification: units of limits and credits, all of them or nothing.

Limits are taken first, since that is cheap and writes nothing: a flood beyond a limit never reaches the credits. If the
credits are refused, the units of the limits are given back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeAlias

from tokenry.core.breaker import NOT_ANSWERING, Breaker
from tokenry.core.counters import Subject, Want
from tokenry.core.credits import CreditState
from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Grant
from tokenry.core.ports import Store
from tokenry.core.process_ports import Leases
from tokenry.core.verdict import Refused, Taken

from .spending import Spending
from .wishes import Lease, Wait

_log = logging.getLogger("tokenry.verify")
_ROUNDS = 64

Metered: TypeAlias = tuple[Taken, CreditState | None]
"""The state of the limits and the credits after a cost was taken."""

NOTHING: Metered = ((), None)


class Metering:
    """Takes from the limits and the credits of keys."""

    def __init__(
        self, store: Store, leases: Leases, leasing: Breaker, now: Callable[[], int], *, limits_open: bool
    ) -> None:
        self._store = store
        self._leases = leases
        self._leasing = leasing
        self._spending = Spending(store, leasing, leases.credits)
        self._now = now
        self._limits_open = limits_open

    def at_once(self, grant: Grant, cost: int, now: int) -> Metered | Refused | None:
        """Take from the units that this process has leased, or return None when the store must be asked."""
        has_credits = grant.credits is not None
        if has_credits and not self._spending.has(grant, cost, now):
            return None
        taken: Any = ()
        if grant.limits:
            taken = self._leases.take(grant, cost, now)
            if taken.__class__ is not tuple:
                return None if taken.__class__ is list else taken
        elif not has_credits:
            return NOTHING
        if not has_credits:
            return taken, None
        state = self._spending.spend(grant, cost, now)
        if state is None:  # another thread was faster
            self._leases.untake(grant, taken, cost)
            return None
        return taken, state

    def lacking(self, grant: Grant, cost: int, now: int) -> Lease | None:
        """Return the lease that `at_once` needs before it takes a cost; None where it needs something else."""
        if not grant.limits or grant.credits is not None:
            return None
        taken: Any = self._leases.take(grant, cost, now)
        if taken.__class__ is tuple:  # another thread has leased meanwhile
            self._leases.untake(grant, taken, cost)
        return Lease(taken) if taken.__class__ is list else None

    def steps(self, grant: Grant, cost: int, now: int) -> Generator[Lease | Wait, Any, Metered | Refused]:
        """Take, asking the store where that is needed."""
        taken = (yield from self._lease(grant, cost, now)) if grant.limits else ()
        if grant.credits is None or isinstance(taken, Refused):
            return taken if isinstance(taken, Refused) else (taken, None)
        state: CreditState | Refused | None = self._spending.spend(grant, cost, now)
        if state is None:
            try:
                state = yield Wait(partial(self._spending.take, grant, cost, now))
            except BaseException:  # also when nobody goes on with these steps
                self._leases.untake(grant, taken, cost)
                raise
        if isinstance(state, Refused):
            self._leases.untake(grant, taken, cost)
            return state
        return taken, state

    def lease(self, wants: Sequence[Want]) -> bool:
        """Lease shares from the store in one transaction. After one that waited in vain the others do not wait.

        Return whether limits can be counted: not while the store is down and limits are open.
        """
        try:
            with self._leasing.attempt() as seconds, self._store.change(durable=False, within=seconds) as rows:
                wants = self._leases.with_returns(wants)
                shares = rows.limits.lease(wants)
        except StoreUnavailable as error:
            if not self._limits_open:
                raise
            if error.details.get("cause") != NOT_ANSWERING:
                _log.warning("limits cannot be counted right now and are open, as configured")
            return False
        self._leases.fill(wants, shares, self._now())
        return True

    def lease_at_once(self, wants: Sequence[Want]) -> bool:
        """Lease shares if that has to wait for nobody; return whether it was done."""
        if self._leasing.is_open:
            return False
        try:
            with self._store.change(durable=False, within=0) as rows:
                shares = rows.limits.lease(wants)
        except StoreUnavailable:
            return False
        self._leases.fill(wants, shares, self._now())
        return True

    def take(self, subject: Subject, cost: int) -> Taken | Refused:
        """Take from the limits of a subject, waiting for the store where that is needed."""
        steps = self._lease(subject, cost, self._now())
        try:
            wish = next(steps)
            while True:
                wish = steps.send(self.lease(wish.wants))
        except StopIteration as end:
            found: Taken | Refused = end.value
            return found

    def peek(self, grant: Grant, now: int) -> Generator[Lease | Wait, Any, Metered]:
        """Tell how the limits and the credits stand, and take nothing."""
        states = (yield from self._lease(grant, 0, now)) if grant.limits else ()
        assert not isinstance(states, Refused)
        left = (yield Wait(partial(self._spending.peek, grant, now))) if grant.credits is not None else None
        return states, left

    def _lease(self, grant: Grant | Subject, cost: int, now: int) -> Generator[Lease, Any, Taken | Refused]:
        for _ in range(_ROUNDS):  # more than one only if others used up what was leased, or the window ended meanwhile
            taken = self._leases.take(grant, cost, now)
            if not isinstance(taken, list):
                return taken
            if not (yield Lease(taken)):
                return ()
            now = self._now()
        raise StoreUnavailable("the limits of this key are leased too slowly to count a verification; try again")
