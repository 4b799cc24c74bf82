"""Requests that wait for events. A commit of this process wakes them at once, a commit of another process soon.

Nothing runs while no request waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, Final

from tokenry.edge import commits_by_others, is_alone
from tokenry.edge.problems import Failed, problem
from tokenry.tokenry import Tokenry
from tokenry.types import Event, TokenryError

from ..threads import in_thread

_log = logging.getLogger("tokenry.api")

PER_KEY_MAX: Final = 16
PER_TENANT_MAX: Final = 64
IN_ALL_MAX: Final = 256
"""How many requests may wait: with one key, with the keys of one tenant, and in one process."""
_LOOK_SECONDS: Final = 0.25
"""How often commits of other processes are looked for."""
_APART_SECONDS: Final = 0.002
"""How far apart requests are woken: each reads then, and verifications go on in between."""


class Waiter:
    """One request that waits. `is_over` says that the server ends, or that the client has gone."""

    def __init__(self, tenants: frozenset[str]) -> None:
        self.tenants = tenants
        self.is_over = False
        self._woken = asyncio.Event()

    def begin(self) -> None:
        """Reset: events that arrive from now on end the next wait."""
        self._woken.clear()

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def end(self) -> None:
        """End this wait and every later one."""
        self.is_over = True
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to arrive; return False when nothing has in that time."""
        if not self.is_over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        return self._woken.is_set()


class Arrivals:
    """All requests of this process that wait. Used on the event loop only."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._waiters: set[Waiter] = set()
        self._counts: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self._changed: set[str] = set()
        self._hint: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def count(self) -> int:
        """How many requests wait."""
        return len(self._waiters)

    def end(self) -> None:
        """End every wait, so that the server can stop."""
        self._is_over = True
        for waiter in self._waiters:
            waiter.end()

    @contextlib.contextmanager
    def entered(self, key: str, home: str, tenant: str) -> Iterator[Waiter]:
        """Register a waiting request; raise Failed when too many wait.

        `home` is the tenant of its key and `tenant` the one whose events it reads. Both wake it: in `home` its key may
        be revoked.
        """
        for who, count, most in (
            ("this key", self._counts[key], PER_KEY_MAX),
            ("the keys of this tenant", self._counts[home], PER_TENANT_MAX),
            ("this server", len(self._waiters), IN_ALL_MAX),
        ):
            if count >= most:
                detail = f"As many requests wait for events as {who} may have ({most}): end one, or poll without wait."
                raise Failed(problem("rate_limited", detail, headers=[("Retry-After", "5")]))
        waiter = Waiter(frozenset((home, tenant)))
        self._waiters.add(waiter)
        self._counts.update((key, home))
        self._places.update(waiter.tenants)
        if self._is_over:
            waiter.end()
        elif self._task is None or self._task.done():
            # With a context of its own: this request may end long before the task.
            self._task = asyncio.create_task(self._run(asyncio.get_running_loop()), context=Context())
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)
            for counts, names in ((self._counts, (key, home)), (self._places, waiter.tenants)):
                counts.subtract(names)
                for name in names:
                    if not counts[name]:
                        del counts[name]
            if not self._waiters and self._hint is not None:
                self._hint.set()

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake requests until none waits any more."""
        hint = self._hint = asyncio.Event()
        stop = self._tk.events.subscribe(self._subscriber(loop, hint))
        others = _Others(self._tk)
        try:
            while self._waiters:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(others.every):
                        await hint.wait()
                hint.clear()
                changed, self._changed = self._changed, set()
                try:
                    changed |= await others.moved(set(self._places))
                except Exception as error:
                    _log.warning("events of other processes cannot be looked for right now: %s", error)
                for waiter in list(self._waiters):
                    if not changed.isdisjoint(waiter.tenants):
                        waiter.wake()
                        await asyncio.sleep(_APART_SECONDS)
        finally:
            stop()

    def _subscriber(self, loop: asyncio.AbstractEventLoop, hint: asyncio.Event) -> Callable[[Event], None]:
        def note(event: Event) -> None:
            """Record an event of this process; called in the thread of the commit."""
            is_first = not self._changed
            if event.tenant in self._places:
                self._changed.add(event.tenant)
                if is_first and not loop.is_closed():
                    loop.call_soon_threadsafe(hint.set)

        return note


class _Others:
    """Looks for events that other processes have committed."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._commits = commits_by_others(tk)
        self._mark: object = None
        self._latest: dict[str, int] = {}
        self.every = None if is_alone(tk) else _LOOK_SECONDS

    async def moved(self, tenants: set[str]) -> set[str]:
        """Return the tenants with new events since the last call."""
        if self.every is None:
            return set()
        unknown = tenants - self._latest.keys()
        if self._commits is not None:
            mark = self._commits()
            if mark == self._mark and not unknown:
                return set()
            self._mark = mark
        found = await in_thread(self._look, tenants)
        moved = {tenant for tenant, last in found.items() if self._latest.get(tenant) != last}
        self._latest = found
        return moved

    def _look(self, tenants: set[str]) -> dict[str, int]:
        found = {}
        for tenant in tenants:
            try:
                found[tenant] = self._tk.events.latest(tenant=tenant)
            except TokenryError:
                # Wakes the requests, each of which then gets the error itself.
                found[tenant] = -1
        return found


def unfinished(receive: Any, waiter: Waiter) -> asyncio.Task[Any]:
    """Return a task that ends the wait of a request when its client has gone; cancel it at the end."""
    gone: asyncio.Task[Any] = asyncio.ensure_future(receive())
    gone.add_done_callback(lambda task: None if task.cancelled() else waiter.end())
    return gone
