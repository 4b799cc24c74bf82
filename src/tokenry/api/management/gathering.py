"""Keys that are asked for at the same time are issued in one transaction.

A commit that is safe on the disk costs as much for one key as for many. While one batch commits, the next one gathers:
nobody waits for company, and under load the database commits a few times for hundreds of keys.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from starlette.concurrency import run_in_threadpool

from tokenry.types import Issued, TokenryError

if TYPE_CHECKING:
    from .callers import Call

BATCH_MAX: Final = 64

Lane: TypeAlias = tuple[str, str]
"""What may share a transaction: one tenant, and one key that asks."""


class Waiting(NamedTuple):
    """One key that is asked for."""

    call: Call
    asked: dict[str, Any]
    issued: asyncio.Future[Issued]


class Gatherer:
    """Issues keys, those of one lane together."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, list[Waiting]] = {}
        self._runs: set[asyncio.Task[None]] = set()

    async def issue(self, call: Call, tenant: str, asked: dict[str, Any]) -> Issued:
        """Issue one key; raise what `keys.issue` raises."""
        waiting = Waiting(call, asked, asyncio.get_running_loop().create_future())
        lane = (tenant, call.key_id)
        if lane in self._lanes:
            self._lanes[lane].append(waiting)
        else:
            self._lanes[lane] = [waiting]
            run = asyncio.create_task(self._run(lane))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
        return await waiting.issued

    async def _run(self, lane: Lane) -> None:
        """Issue batch after batch until nobody waits."""
        while self._lanes[lane]:
            batch, self._lanes[lane] = self._lanes[lane][:BATCH_MAX], self._lanes[lane][BATCH_MAX:]
            try:
                results = await run_in_threadpool(_issue, lane[0], batch)
            except Exception as error:
                results = [error] * len(batch)
            for waiting, result in zip(batch, results, strict=True):
                if waiting.issued.cancelled():
                    continue
                if isinstance(result, Issued):
                    waiting.issued.set_result(result)
                else:
                    waiting.issued.set_exception(result)
        del self._lanes[lane]


def _issue(tenant: str, batch: list[Waiting]) -> list[Issued | Exception]:
    """Issue a batch, each key with the address and the id of its own request in the audit log."""
    groups = batch[0].call.groups(tenant)
    if len(batch) == 1:
        return [groups.keys.issue(**batch[0].asked)]
    origins = [(one.call.ip, one.call.request_id) for one in batch]
    results: list[Issued | TokenryError] = groups.keys.issue_many([one.asked for one in batch], origins=origins)
    return list(results)
