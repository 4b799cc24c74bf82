"""Leak reports over HTTP: without a key, throttled like wrong keys, and named after an operator who sends one along."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.management.conftest import Api
from tokenry.api.management import Callers, Management
from tokenry.edge import Throttle


class Throttled:
    """The application behind a throttle, as a whole server has it."""

    def __init__(self, api: Api, most: int) -> None:
        self._app, self._throttle = Management(api.tk, Callers(api.tk)), Throttle(lambda: 0, most=most)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["throttle"] = self._throttle
        await self._app(scope, receive, send)


def test_the_holder_of_a_secret_needs_no_key(api: Api) -> None:
    secret = api.key()
    body = {"secret": secret, "source": "scanner", "url": "https://x.example/a"}
    answer = api.client(None).post("/v1/leaks", json=body)
    assert (answer.status_code, answer.json()["action"]) == (200, "revoked")
    assert secret not in answer.text
    [entry] = api.tk.audit.list(action="key.leaked")
    assert (entry.actor, entry.ip) == (entry.subject, "203.0.113.9")
    assert api.client(None).post("/v1/leaks", json={"secret": "tk_live_1"}).json()["label"] == "false_positive"


def test_an_operator_is_named_and_a_wrong_key_is_refused(api: Api, client: TestClient) -> None:
    secret = api.key()
    assert api.client("tk_op_nonsense").post("/v1/leaks", json={"secret": secret}).status_code == 401
    assert api.tk.verify(secret)
    assert client.post("/v1/leaks", json={"secret": secret}).json()["action"] == "revoked"
    [entry] = api.tk.audit.list(action="key.leaked")
    assert entry.actor == api.tk.keys.find(api.operator, tenant="system").id


def test_guesses_are_throttled_and_a_known_secret_never(api: Api) -> None:
    secret, app = api.key(), Throttled(api, most=3)
    stranger = TestClient(app)
    statuses = [stranger.post("/v1/leaks", json={"secret": "tk_live_1"}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = stranger.post("/v1/leaks", json={"secret": "tk_live_1"})
    assert refused.json()["code"] == "throttled"
    assert int(refused.headers["Retry-After"]) > 0
    assert stranger.post("/v1/leaks", json={"secret": secret}).json()["action"] == "revoked"
    holder = TestClient(app, headers={"Authorization": f"Bearer {api.key()}"})
    assert holder.post("/v1/leaks", json={"secret": "x"}).status_code == 429, "anybody may have a key"
    operator = TestClient(app, headers={"Authorization": f"Bearer {api.operator}"})
    assert {operator.post("/v1/leaks", json={"secret": "x"}).status_code for _ in range(5)} == {200}


@pytest.mark.parametrize(
    "body", [{}, {"secret": ""}, {"secret": 1}, {"secret": "x" * 9000}, {"secret": "x", "by": "a"}]
)
def test_a_malformed_report_is_a_mistake(api: Api, body: Any) -> None:
    assert api.client(None).post("/v1/leaks", json=body).status_code == 422


def test_a_report_without_a_key_reaches_nothing_else(api: Api) -> None:
    callers = Callers(api.tk)
    from tokenry.operations import OPERATIONS

    scope = {"headers": [], "client": ("203.0.113.9", 1)}
    call = asyncio.run(callers.admit(scope, OPERATIONS["leaks.report"].rule, "r"))
    with pytest.raises(AssertionError):
        call.groups("default")
