"""When the server collects all its objects: at idle moments, and seldom under load."""

from __future__ import annotations

import asyncio
import gc

from tokenry.api.process.collecting import Collecting


class Server:
    """Counts answers."""

    def __init__(self) -> None:
        self.answered = 0
        self.collecting = Collecting(lambda: self.answered)

    def looks(self, count: int, *, busy: bool) -> list[int]:
        """Look so often; return at which looks it was time to collect."""
        due = []
        for look in range(1, count + 1):
            self.answered += busy
            if self.collecting.is_due():
                due.append(look)
        return due


def test_an_idle_server_collects_once_after_what_it_answered() -> None:
    server = Server()
    assert server.looks(100, busy=False) == []
    assert server.looks(10, busy=True) == []
    assert server.looks(200, busy=False) == [1]
    assert server.looks(5, busy=True) == []
    assert server.looks(5, busy=False) == [1]


def test_two_collections_are_a_minute_apart() -> None:
    server = Server()
    server.looks(70, busy=True)
    assert server.looks(1, busy=False) == [1]
    assert server.looks(1, busy=True) == []
    assert server.looks(200, busy=False) == [59]


def test_a_server_that_is_never_idle_collects_once_an_hour() -> None:
    assert Server().looks(8_000, busy=True) == [3600, 7200]


def test_only_young_objects_are_collected_by_themselves_while_it_serves() -> None:
    before = gc.get_threshold()

    async def serve() -> tuple[int, int, int]:
        async with Server().collecting.running():
            return gc.get_threshold()

    try:
        young, *older = asyncio.run(serve())
    finally:
        gc.unfreeze()
    assert young <= 1_000
    assert min(older) >= 1_000_000
    assert gc.get_threshold() == before
