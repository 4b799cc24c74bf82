"""Requests that share a transaction are all answered, whatever becomes of the work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tokenry.api.management.batches import BATCH_MAX, WAITING_MAX, Batches
from tokenry.types import StoreUnavailable


async def outcomes(batches: Batches[int, int], count: int) -> list[Any]:
    return await asyncio.wait_for(
        asyncio.gather(*[batches.do(number) for number in range(count)], return_exceptions=True), 30
    )


def test_those_who_come_meanwhile_share_the_next_batch() -> None:
    sizes = []

    def work(asked: Sequence[int]) -> list[int | Exception]:
        sizes.append(len(asked))
        return [number * 2 for number in asked]

    async def scenario() -> None:
        batches: Batches[int, int] = Batches(work)
        assert await outcomes(batches, 200) == [number * 2 for number in range(200)]
        assert batches.is_idle

    asyncio.run(scenario())
    assert max(sizes) <= BATCH_MAX
    assert sum(sizes) == 200


def test_an_error_is_told_to_everybody_and_the_next_requests_work() -> None:
    broken = [True]

    def work(asked: Sequence[int]) -> list[int | Exception]:
        if broken:
            raise ZeroDivisionError
        return [ValueError(number) if number % 2 else number for number in asked]

    async def scenario() -> None:
        batches: Batches[int, int] = Batches(work)
        assert all(isinstance(outcome, ZeroDivisionError) for outcome in await outcomes(batches, 100))
        broken.clear()
        assert [type(outcome) for outcome in await outcomes(batches, 4)] == [int, ValueError, int, ValueError]

    asyncio.run(scenario())


@pytest.mark.parametrize("started", [True, False])
def test_a_run_that_is_cancelled_ends_everybody_and_the_next_requests_work(started: bool) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def work(asked: Sequence[int]) -> list[int | Exception]:
        entered.set()
        go_on.wait(30)
        return list(asked)

    async def scenario() -> None:
        batches: Batches[int, int] = Batches(work)
        calls = asyncio.ensure_future(outcomes(batches, 100))
        while batches._running is None or (started and not entered.is_set()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        batches._running.cancel()
        go_on.set()
        ended = await calls
        assert all(isinstance(outcome, (RuntimeError, StoreUnavailable)) for outcome in ended)
        assert await outcomes(batches, 3) == [0, 1, 2]

    asyncio.run(scenario())


def test_more_than_may_wait_is_refused_at_once() -> None:
    go_on = threading.Event()

    def work(asked: Sequence[int]) -> list[int | Exception]:
        go_on.wait(30)
        return list(asked)

    async def scenario() -> None:
        batches: Batches[int, int] = Batches(work)
        calls = asyncio.ensure_future(outcomes(batches, WAITING_MAX + BATCH_MAX + 10))
        while batches._running is None or len(batches._waiting) != WAITING_MAX:  # noqa: ASYNC110
            await asyncio.sleep(0)
        go_on.set()
        ended = await calls
        refused = [outcome for outcome in ended if isinstance(outcome, StoreUnavailable)]
        assert refused
        assert all("wait already" in error.message for error in refused)
        assert [outcome for outcome in ended if isinstance(outcome, int)] == list(range(len(ended) - len(refused)))

    asyncio.run(scenario())
