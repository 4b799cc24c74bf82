"""A key that memory knows and that has no units left here: they are leased on the way, without a lookup."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.api.lane.answer import Read, read
from tests.api.lane.conftest import Place, Way, run
from tests.api.lane.requests import auth, verify
from tests.api.lane.wire import Talk
from tokenry import Limit
from tokenry.core.errors import StoreUnavailable


@pytest.fixture
def own(fresh: Callable[..., Place]) -> Place:
    return fresh(failures_max=1_000_000)


def limited(place: Place, most: int) -> str:
    """Issue a key that memory knows, and that has no units here."""
    text = place.issue(f"limited to {most}", limits=[Limit("day", most, 86_400)])
    place.sync.verify(text, cost=0)
    place.sync._leases.forget()
    place.sync._memory.recall(text[-73:-57], text).counters = None
    return text


async def together(way: Way, pieces: Sequence[bytes]) -> list[Read]:
    """Return the answers to requests that come in one turn of the loop, each on a connection of its own."""
    talks = [Talk(way.protocol, way.app) for _ in pieces]
    for one, piece in zip(talks, pieces, strict=True):
        one.protocol.data_received(piece)
    answers = [read(await one.answers())[0] for one in talks]
    for one in talks:
        await one.end()
    return answers


def requests(place: Place, text: str, count: int) -> list[bytes]:
    return [auth(text) if number % 2 else verify(place.operator, {"credential": text}) for number in range(count)]


def let_in(answers: Sequence[Read]) -> int:
    return sum(one.status == 200 and b'"code":"rate_limited"' not in one.body for one in answers)


def test_what_is_leased_takes_no_task_and_no_lookup(own: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    way, text = own.way(lane=True), limited(own, 1000)
    monkeypatch.setattr(way.protocol, "wait_in_task", None)
    monkeypatch.setattr(own.tk._verifying.store, "find", None)
    assert let_in(run(together(way, requests(own, text, 6)))) == 6
    assert way.served.counters.waited_count == 6


def test_of_those_that_come_together_exactly_the_limit_is_let_in(own: Place) -> None:
    way, text = own.way(lane=True), limited(own, 5)
    assert let_in(run(together(way, requests(own, text, 12)))) == 5
    assert let_in(run(together(way, requests(own, text, 4)))) == 0


@pytest.mark.parametrize("answer", [False, StoreUnavailable("gone")])
def test_what_cannot_be_leased_at_once_is_left_to_a_task(
    own: Place, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    way, text = own.way(lane=True), limited(own, 3)
    asked: list[Any] = []

    def at_once(wants: Any) -> bool:
        asked.append(wants)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    monkeypatch.setattr(own.tk._verifying, "lease_at_once", at_once)
    answers = run(together(way, requests(own, text, 2)))
    assert [one.status for one in answers] == [200 if answer is False else 503] * 2
    assert asked


def test_a_client_that_leaves_meanwhile_costs_nobody_an_answer(own: Place) -> None:
    way, text = own.way(lane=True), limited(own, 1000)

    async def leave() -> Read:
        gone, stays = (Talk(way.protocol, way.app) for _ in range(2))
        for one in (gone, stays):
            one.protocol.data_received(auth(text))
        gone.wire.close()
        await asyncio.sleep(0)
        answer = read(await stays.answers())[0]
        await stays.end()
        await gone.end()
        assert not gone.wire.written
        return answer

    assert run(leave()).status == 200
