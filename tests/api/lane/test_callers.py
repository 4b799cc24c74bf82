"""Who asks is proved once for a head that comes again, and is asked about before every answer all the same."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.api.lane.answer import Read, read
from tests.api.lane.conftest import Place, Way, run
from tests.api.lane.requests import verify
from tests.api.lane.wire import Talk
from tokenry import Limit


@pytest.fixture
def own(fresh: Callable[..., Place]) -> Place:
    return fresh(failures_max=1_000_000)


def caller(place: Place, **about: Any) -> str:
    given = {"tenant": "system", "environment": "op", "scopes": ["tokenry:verify"], "name": "asks often"} | about
    return str(place.sync.keys.issue("ops", **given).secret)


async def in_turn(way: Way, pieces: Sequence[bytes | Callable[[], object]]) -> list[Read]:
    """Return the answers to requests on one connection; what is to be called is called between them."""
    talk = Talk(way.protocol, way.app)
    for one in pieces:
        if isinstance(one, bytes):
            await talk.send([one])
            await talk.answers()
        else:
            one()
    answers = read(await talk.answers())
    await talk.end()
    return answers


def statuses(place: Place, text: str, *between: Callable[[], object]) -> list[int]:
    asks = [verify(text, {"credential": place.key, "cost": cost}) for cost in (1, 2, 10, 11)]
    return [one.status for one in run(in_turn(place.way(lane=True), [*asks, *asks, *between, asks[1]]))]


def test_every_question_is_a_use_of_the_key_that_asks(own: Place) -> None:
    text = caller(own)
    assert statuses(own, text) == [200] * 9
    assert [one.valid for one in own.sync._tally.drain()[0] if one.kid == text[-73:-57]] == [9]


def test_a_caller_that_was_revoked_is_refused_on_its_open_connection(own: Place) -> None:
    text = caller(own)
    [key] = [one for one in own.sync.keys.list(tenant="system") if one.name == "asks often"]
    assert statuses(own, text, lambda: own.sync.keys.revoke(key.id, tenant="system")) == [200] * 8 + [401]


def test_a_caller_that_has_expired_is_refused_on_its_open_connection(own: Place) -> None:
    text = caller(own, expires_in=timedelta(hours=1))
    assert statuses(own, text, lambda: own.clock.advance(timedelta(hours=1))) == [200] * 8 + [401]


def test_the_limit_of_a_caller_counts_each_question(own: Place) -> None:
    text = caller(own, limits=[Limit("day", 100_000, 86_400)])
    assert statuses(own, text) == [200] * 9
    [limit] = own.sync.verify(text, environment="op", cost=0).limits
    assert limit.remaining == 100_000 - 9
