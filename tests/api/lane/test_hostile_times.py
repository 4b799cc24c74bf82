"""No request of an anonymous client takes the event loop long: at most forty times what an ordinary refusal takes."""

import json
import time

import pytest

from tests.api.floods.test_memory import FLOODS

from .conftest import Place, Way, run
from .requests import request
from .wire import Talk

TIMES_MAX = 40
"""A refusal takes 0.3 ms, so that this is about 12 ms."""


def batch(question: str) -> bytes:
    body = b'{"questions":[' + b",".join([question.encode()] * 100) + b"]}"
    assert len(body) < 64 * 1024
    return request("POST", "/v1/verify/batch", "Content-Type: application/json", body=body)


HOSTILE = {
    **{name: make(1) for name, make in FLOODS.items()},
    "slashes": request("GET", "/" * 15_900),
    "escapes": request("GET", "/" + "%41" * 5200),
    "credentials that differ": request("GET", "/v1/keys", *[f"Authorization: Bearer {n}" for n in range(120)]),
    "header of a token": request("GET", "/v1/auth", "X-API-Key: " + "Wyws" * 1800 + ".e30.AA"),
    "dots": request("GET", "/v1/auth", "X-API-Key: " + "." * 8000),
    "crumbs": request("POST", "/v1/auth", "Cookie: " + "a;" * 7900),
    "upgrades": request("GET", "/", *["Connection: upgrade", "Upgrade: x"] * 60),
    "documents": request("GET", "/openapi.json"),
    "batch of wrong addresses": batch(f'{{"credential":"x","ip":"{":" * 600}"}}'),
    "batch of unknown fields": batch(json.dumps({str(number): 1 for number in range(72)})),
    "batch of wrong scopes": batch(json.dumps({"credential": 1, "scopes": {"any": [{"all": ["a"]}] * 30 + ["!"]}})),
    "batch of mistakes": batch(
        json.dumps({"credential": 1, "scopes": "! " * 150, "ip": "1", "cost": -1, "tenant": 1, "environment": 2})
    ),
}


@pytest.fixture(scope="module", params=[True, False], ids=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:
    return place.way(lane=request.param, access_log_share=1.0, log_level="error", verify_open=True)


def seconds(way: Way, data: bytes) -> float:
    """Return how long this thread, which is the event loop's, takes for a request, at best."""

    async def work() -> float:
        talk = Talk(way.protocol, way.app)
        began = time.thread_time()
        await talk.send([data])
        await talk.answers()
        took = time.thread_time() - began
        assert talk.wire.written
        await talk.end()
        return took

    return min(run(work()) for _ in range(5))


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_takes_much_longer_than_a_refusal(way: Way, name: str) -> None:
    ordinary = seconds(way, request("GET", "/v1/keys"))
    assert seconds(way, HOSTILE[name]) < TIMES_MAX * ordinary
