"""No request takes the event loop long: about ten milliseconds on an ordinary machine, with a key twice that."""

import json
import time

import pytest

from tests.api.floods.test_memory import FLOODS

from .conftest import Place, Way, run
from .requests import request
from .wire import Talk

TIMES_MAX = 90
"""How many times longer than `measure` a request may take, which needs about 0.11 ms: this is about 10 ms."""

KNOWN_TIMES_MAX = 180
"""The largest batch of good questions takes this long, too."""


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


MIB = 1 << 20
FIELDS = {f"f{number:06}": 1 for number in range(70_000)}
MANY = {
    "fields": json.dumps(FIELDS),
    "fields within the bounds": json.dumps(dict(list(FIELDS.items())[:3000])),
    "lists": '{"x":[' + ",".join(["[]"] * 300_000) + "]}",
    "lists within the bounds": '{"metadata":[' + ",".join(["[]"] * 8000) + "]}",
    "questions": json.dumps({"questions": [{"credential": "x", "more": 1}] * 20_000}),
    "fields of questions": json.dumps({"questions": [dict(list(FIELDS.items())[:300])] * 100}),
    "scopes of questions": json.dumps({"questions": [{"credential": "x", "scopes": ["!"] * 256}] * 100}),
    "keys": json.dumps({"keys": [{"more": 1}] * 20_000}),
    "a long text": json.dumps({"reason": "x" * (MIB - 100)}),
}
ROUTES = ("/v1/self/rotate", "/v1/self/revoke", "/v1/keys/bulk", "/v1/roles/r", "/v1/verify", "/v1/verify/batch")


@pytest.fixture(scope="module", params=[True, False], ids=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:
    return place.way(lane=request.param, access_log_share=1.0, log_level="error", verify_open=True)


@pytest.fixture(scope="module")
def manager(place: Place) -> str:
    scopes = ["tokenry:keys:write", "tokenry:keys:read", "tokenry:roles:write"]
    about = {"tenant": "system", "name": "hostile times", "environment": "op", "scopes": scopes}
    return str(place.sync.keys.issue("ops", **about).secret)


def measure() -> float:
    """Return how long this machine takes for a bit of Python that no version of ours makes faster."""
    began, total = time.thread_time(), 0
    for number in range(4000):
        total += number
    return time.thread_time() - began


def times(way: Way, data: bytes) -> float:
    """Return how many times longer than `measure` a request takes, both at best and in turn."""
    pairs = [(seconds(way, data), measure()) for _ in range(7)]
    return min(long for long, _ in pairs) / min(short for _, short in pairs)


def seconds(way: Way, data: bytes) -> float:
    """Return how long this thread, which is the event loop's, takes for a request."""

    async def work() -> float:
        talk = Talk(way.protocol, way.app)
        began = time.thread_time()
        await talk.send([data])
        await talk.answers()
        took = time.thread_time() - began
        assert talk.wire.written
        await talk.end()
        return took

    return run(work())


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_takes_the_loop_long(way: Way, name: str) -> None:
    assert times(way, HOSTILE[name]) < TIMES_MAX


@pytest.mark.parametrize("target", ROUTES)
@pytest.mark.parametrize("name", MANY)
def test_a_body_of_a_known_caller_does_not_either(way: Way, place: Place, manager: str, name: str, target: str) -> None:
    caller = manager if target.startswith(("/v1/keys", "/v1/roles")) else place.operator
    method = "PUT" if "/roles/" in target else "POST"
    head = (f"Authorization: Bearer {caller}", "Content-Type: application/json")
    assert times(way, request(method, target, *head, body=MANY[name].encode())) < KNOWN_TIMES_MAX
