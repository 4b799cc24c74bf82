"""Refreshes that are asked for at the same time share one transaction, as new keys do (`gathering.py`)."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.concurrency import run_in_threadpool

from tokenry.edge import Refreshing, Result, refresh_together
from tokenry.tokenry import Tokenry
from tokenry.types import Refused, SessionTokens

BATCH_MAX: Final = 64


class Refresher:
    """Refreshes sessions, those together that ask while the batch before commits."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._waiting: list[tuple[Refreshing, asyncio.Future[SessionTokens | Refused]]] = []
        self._run: asyncio.Task[None] | None = None

    async def refresh(self, asked: Refreshing) -> SessionTokens | Refused:
        """Refresh one session; raise what `sessions.refresh` raises."""
        answer: asyncio.Future[SessionTokens | Refused] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._run is None:
            self._run = asyncio.create_task(self._go())
        return await answer

    async def _go(self) -> None:
        """Refresh batch after batch until nobody waits."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                results: list[Result | Exception]
                try:
                    results = [*await run_in_threadpool(refresh_together, self._tk, [asked for asked, _ in batch])]
                except Exception as error:
                    results = [error] * len(batch)
                for (_, answer), result in zip(batch, results, strict=True):
                    if answer.cancelled():
                        continue
                    if isinstance(result, Exception):
                        answer.set_exception(result)
                    else:
                        answer.set_result(result)
        finally:
            self._run = None
