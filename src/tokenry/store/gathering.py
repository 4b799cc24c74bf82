"""Lookups of many callers on one event loop, gathered into few statements on two held connections."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeAlias

import psycopg

from tokenry.core.breaker import Breaker
from tokenry.core.document import Seals
from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Row

from .connections import ImpatientAsync, prepare_after_async
from .failures import unavailable
from .held import HeldOnLoop, Statement, array_of
from .lookup import is_session, lookup_sql, read, read_session, session_sql

_log = logging.getLogger("tokenry.store")
_FIND_MANY = Statement(b"tokenry_find_many", lookup_sql("postgresql", "= any($1::text[])").encode())
_FIND_SESSIONS = Statement(b"tokenry_find_sessions", session_sql("postgresql", "= any($1::text[])").encode())
_BATCH = 256
_LANES = 2
_WORTH_A_LANE = 16
_AT_ONCE = 64


class Waiting(Protocol):
    """A caller's own kind of a future. Ended, it may go on at once, and ask for the next row."""

    def done(self) -> bool: ...
    def set_result(self, row: Row | None, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


Found: TypeAlias = "asyncio.Future[Row | None] | Waiting"
Batch: TypeAlias = dict[str, list[Found]]


class Waiters:
    """The callers that wait for a row. Each wait ends.

    It ends with the row or an error, and at the latest `limit` seconds after it began, whatever has become of the task
    that was to answer it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        self._loop = loop
        self._limit = limit
        self._by_kid: Batch = {}
        self._deadlines: deque[tuple[float, Found]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._by_kid)

    def add(self, kid: str, found: Found) -> None:
        """Let one more caller wait; a kid that many wait for is asked for once."""
        self._by_kid.setdefault(kid, []).append(found)
        deadlines, at = self._deadlines, self._loop.time() + self._limit
        while deadlines and deadlines[0][1].done():
            deadlines.popleft()
        deadlines.append((at, found))
        if self._timer is None:
            self._timer = self._loop.call_at(at, self._expire)

    def take(self, most: int) -> Batch:
        """Take out what waits, but not more than so many kids, and none that every caller has given up."""
        batch: Batch = {}
        for kid in list(self._by_kid)[:most]:
            waiting = [found for found in self._by_kid.pop(kid) if not found.done()]
            if waiting:
                batch[kid] = waiting
        return batch

    def fail_waiting(self, message: str, cause: str) -> None:
        """End everything that was not taken out."""
        batch, self._by_kid = self._by_kid, {}
        fail(batch, message, cause)

    def close(self) -> None:
        """End everything that is left."""
        while self._deadlines:
            _end(self._deadlines.popleft()[1], "this Tokenry was closed during the lookup", "closed")
        self._by_kid = {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        """End whatever has waited for too long, and come back for the next."""
        now, deadlines = self._loop.time(), self._deadlines
        while deadlines and (deadlines[0][1].done() or deadlines[0][0] <= now):
            _end(deadlines.popleft()[1], f"the database did not answer within {self._limit:g} s", "timeout")
        self._timer = self._loop.call_at(deadlines[0][0], self._expire) if deadlines else None


class Gathering:
    """Lookups of one event loop: while one statement is under way the next callers collect, and travel together.

    While the server works on one statement the loop works on the answer of the other. After one that took too long
    callers are refused at once, but for one at a time whose lookup shows whether the database answers again.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, conninfo: str, options: str, breaker: Breaker, seals: Seals
    ) -> None:
        self._loop = loop
        self._conninfo = conninfo
        self._limit = breaker.patience
        self._settings: dict[str, Any] = {"connect_timeout": max(2, round(self._limit) + 1), "options": options}
        self._breaker = breaker
        self._seals = seals
        self._waiters: Final = Waiters(loop, self._limit)
        self._idle: list[HeldOnLoop] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = 0

    def find(self, kid: str, found: Found | None = None) -> Found:
        """Return a future for the row: `found`, if it is given.

        It is done within the time limit, with StoreUnavailable if there is no answer.
        """
        if found is None:
            found = self._loop.create_future()
        probing = self._breaker.is_open and self._breaker.begin_probe()
        if self._breaker.is_open and not probing:
            found.set_exception(self._breaker.refusal())
            return found
        self._waiters.add(kid, found)
        if probing:
            self._start(self._run_probe(self._take()))
        elif not self._tasks or (len(self._tasks) < _LANES and len(self._waiters) >= _WORTH_A_LANE):
            self._start(self._run())
        return found

    async def close(self) -> None:
        """Answer what is under way, then close the held connections."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._waiters.close()
        while self._idle:
            self._idle.pop().close()

    def discard(self) -> None:
        """Close the held connections of an event loop that has ended."""
        while self._idle:
            self._idle.pop().close()

    def _start(self, steps: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        """Forget a task that has ended, in whatever way, even before its first step."""
        self._tasks.discard(task)
        if self._tasks or not self._waiters:
            return
        if task.cancelled():  # the event loop is ending
            self._waiters.fail_waiting("the lookup was cancelled", "cancelled")
        else:
            self._start(self._run())

    async def _run(self) -> None:
        while batch := self._take():
            if await self._answer(batch, self._limit) and self._breaker.is_open:
                self._breaker.close()

    async def _run_probe(self, batch: Batch) -> None:
        succeeded = False
        try:
            succeeded = await self._answer(batch, self._breaker.probe_patience)
        finally:
            self._breaker.end_probe(succeeded=succeeded)

    def _take(self) -> Batch:
        """Take the waiting lookups; only half of them when the other connection is idle and will take the rest."""
        while self._waiters:
            most = _BATCH
            if len(self._waiters) >= _WORTH_A_LANE and len(self._tasks) == _LANES and not self._asking:
                most = min(most, (len(self._waiters) + 1) // 2)
            batch = self._waiters.take(most)
            if batch:
                return batch
        return {}

    async def _answer(self, batch: Batch, limit: float) -> bool:
        """Look a batch up within so many seconds and end all of its futures, whatever happens."""
        self._asking += 1
        began = self._loop.time()
        message, cause = "the lookup was cancelled", "cancelled"
        try:
            async with asyncio.timeout(limit):
                rows = await self._ask(list(batch))
            await _fulfil(batch, rows)
            return True
        except (psycopg.Error, TimeoutError) as error:
            result = unavailable(error)
            message, cause = result.message, str(result.details["cause"])
            if self._loop.time() - began >= limit / 2:
                self._breaker.open()
        except Exception as error:
            _log.exception("a lookup failed in a way that nobody expected")
            message, cause = "a lookup failed: see the log of `tokenry.store`", type(error).__name__
        finally:
            self._asking -= 1
            fail(batch, message, cause)
        return False

    async def _ask(self, kids: list[str]) -> dict[str, Row]:
        while True:
            held, fresh = self._take_idle(), False
            if held is None:
                held, fresh = await self._connect(), True
            try:
                rows = await _find_many(held, kids, self._seals)
            except psycopg.errors.QueryCanceled:  # the connection is still usable
                self._idle.append(held)
                raise
            except BaseException as error:
                held.close()
                if fresh or not isinstance(error, psycopg.OperationalError):
                    raise
            else:
                self._idle.append(held)
                return rows

    def _take_idle(self) -> HeldOnLoop | None:
        """Return a held connection that nobody uses and the server has not closed meanwhile."""
        while self._idle:
            held = self._idle.pop()
            if not held.is_closed:
                return held
        return None

    async def _connect(self) -> HeldOnLoop:
        connection = await ImpatientAsync.connect(self._conninfo, autocommit=True, **self._settings)
        await prepare_after_async(connection, 0)
        return HeldOnLoop(connection, self._loop)


def fail(batch: Batch, message: str, cause: str) -> None:
    """End all futures of a batch that have not ended, each with an error of its own: tracebacks grow on errors."""
    for waiting in batch.values():
        for found in waiting:
            _end(found, message, cause)


def _end(found: Found, message: str, cause: str) -> None:
    if not found.done():
        found.set_exception(StoreUnavailable(message, cause=cause))


async def _fulfil(batch: Batch, rows: dict[str, Row]) -> None:
    """End the waits of a batch. Those that go on at once let others of the loop have their turn in between."""
    ended = 0
    for kid, waiting in batch.items():
        row = rows.get(kid)
        for found in waiting:
            if not found.done():
                found.set_result(row)
                ended += 1
                if ended % _AT_ONCE == 0:
                    await asyncio.sleep(0)


async def _find_many(held: HeldOnLoop, kids: list[str], seals: Seals) -> dict[str, Row]:
    """Look secrets up in one statement, and in another one sessions, if there are any."""
    sessions = [kid for kid in kids if is_session(kid)]
    secrets = [kid for kid in kids if not is_session(kid)] if sessions else kids
    rows: list[Row | None] = []
    if secrets:
        rows += [read(found, seals) for found in await held.ask(_FIND_MANY, array_of(secrets))]
    if sessions:
        rows += [read_session(found) for found in await held.ask(_FIND_SESSIONS, array_of(sessions))]
    return {row.kid: row for row in rows if row is not None}
