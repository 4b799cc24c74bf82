"""Runs after a commit: corrects memory, notifies other processes, and calls subscribers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from .runtime.courier import Courier
from .runtime.fence import Fence
from .runtime.memory import Memory
from .runtime.watch import Watch
from .service.context import Done
from .service.events import Subscribers
from .store import open as stores

P = ParamSpec("P")
R = TypeVar("R")

_deferred: ContextVar[list[Iterator[float]] | None] = ContextVar("tokenry_deferred", default=None)


async def without_blocking(
    run: Callable[..., Awaitable[Any]], call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Make a call where `run` makes it, and wait for other processes outside of that, however long it takes."""
    waits: list[Iterator[float]] = []
    try:
        answer: R = await run(_deferring, waits, call, *args, **kwargs)
    except Exception:
        await _waited(waits, run)  # for what was done before that
        raise
    await _waited(waits, run)
    return answer


def _deferring(waits: list[Iterator[float]], call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    token = _deferred.set(waits)
    try:
        return call(*args, **kwargs)
    finally:
        _deferred.reset(token)


async def _waited(waits: list[Iterator[float]], run: Callable[..., Awaitable[Any]]) -> None:
    for waiting in waits:
        while (pause := await run(next, waiting, None)) is not None:  # noqa: ASYNC110 nothing here tells of it
            await asyncio.sleep(pause)


class Turning:
    """The part of `Tokenry` that makes a change hold in every process before the call returns."""

    _database: Any
    _memory: Memory
    _fence: Fence | None
    _subscribers: Subscribers
    _inline: bool
    _courier: Courier

    def _wake(self) -> None:
        raise NotImplementedError

    def _tick_if_due(self) -> None:
        raise NotImplementedError

    def _remember(self, entries: int, *, background: bool) -> None:
        """Make memory, and find what vouches for it: nothing else writes, a signal, or the fence."""
        self._fence = None
        if self._database.alone:
            self._memory = Memory(entries)
        elif (signal := stores.signal_of(self._database)) is not None:
            self._memory = Memory(entries)
            self._memory.watch(Watch(signal, self._memory.clear))
        elif (store := stores.fence_of(self._database)) is not None:
            self._memory = Memory(entries if background else 0)
            self._fence = Fence(store, self._memory.drop, self._memory.clear)
            self._memory.watch(self._fence)
        else:
            self._memory = Memory(0)

    def _write_journal(self, all_done: Sequence[Done]) -> None:
        raise NotImplementedError

    def _announce(self, *all_done: Done) -> None:
        self._write_journal(all_done)
        for done in all_done:
            self._follow_up(done)

    def _follow_up(self, done: Done) -> None:
        if done.kids is None:
            self._memory.clear()
        elif done.kids or done.turn is not None:
            self._memory.drop(done.kids, done.turn)
        self._wake()
        if done.events:
            self._subscribers.tell(done.events)
            self._courier.hint()
        if self._inline:
            self._tick_if_due()
        self._wait_for([done])

    def _wait_for(self, all_done: Sequence[Done]) -> None:
        """Return when every process has applied some changes, or leave that to a caller that does not block."""
        turns = [done.turn.id for done in all_done if done.turn is not None]
        turns += [id for done in all_done for id in done.others]
        if self._fence is None or not turns:
            return
        waiting, later = self._fence.waiting(turns), _deferred.get()
        if later is not None:
            later.append(waiting)
            return
        for pause in waiting:
            time.sleep(pause)

    def _settle(self, pending: list[Done]) -> None:
        if any(one.kids != () for one in pending):
            self._memory.clear()
        self._wait_for(pending)
        while pending:  # events that cannot be delivered now are delivered by the next call
            one = pending[0]
            stores.check_files(self._database)  # a read may look a few milliseconds late
            with stores.read_beside(self._database) as rows:
                known = rows.events.known(one.tenant_id, [event.id for event in one.events])
            one.events = [event for event in one.events if event.id in known]
            self._write_journal([one])
            del pending[0]
            self._subscribers.tell(one.events)
