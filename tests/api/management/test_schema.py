"""The OpenAPI document tells the truth of the whole server: schemathesis sends what it allows and what it forbids."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from tokenry import AsyncTokenry, Limit, Settings, Tokenry
from tokenry.api.app import App, Served, create_app
from tokenry.api.process.health import PATHS, Operations, Readiness
from tokenry.api.process.metrics import Metrics
from tokenry.api.process.settings import ServerSettings
from tokenry.installation import make_operator_key
from tokenry.operations import OPERATIONS, Reach

EXAMPLES = 15
ASIDE = "aside"  # a tenant that no example finds, so that its keys live
SELF = sorted(id for id, one in OPERATIONS.items() if one.rule.reach is Reach.SELF)


@dataclass
class Server:
    """A whole server in this process, and who calls it."""

    tk: Tokenry
    app: App
    operator: str
    numbers: Iterator[int] = field(default_factory=count)

    @cached_property
    def document(self) -> dict[str, Any]:
        """What the server says of itself."""
        schema: dict[str, Any] = TestClient(self.app).get("/openapi.json").json()
        return schema

    @cached_property
    def operations(self) -> dict[str, Any]:
        """Every operation of the document by its id."""
        schema = schemathesis.openapi.from_asgi("/openapi.json", self.app)
        found = [result.ok() for result in schema.get_all_operations()]
        return {operation.definition.raw["operationId"]: operation for operation in found}

    def key(self, **fields: Any) -> str:
        """Return a new key of an application."""
        return str(
            self.tk.keys.issue(
                "ada", name=f"key {next(self.numbers)}", scopes=["read:a"], tenant=ASIDE, **fields
            ).secret
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give one installation in memory for all examples."""
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        tk = AsyncTokenry("sqlite://", settings=Settings(background=False))
        stack.callback(lambda: loop.run_until_complete(tk.close()))
        served, readiness = Served(tk, ServerSettings(failures_max=1_000_000)), Readiness(tk)
        app = create_app(served, Operations(readiness, Metrics(served.counters, ready=readiness)))
        operator = str(make_operator_key(served.sync).secret)
        served.sync.tenants.create(ASIDE, self_rotation_allowed=True)
        served.sync.owners.put("ada")
        served.sync.owners.put("ada", tenant=ASIDE)
        yield Server(served.sync, app, operator)


def conform(server: Server, id: str, credential: Any) -> None:
    """Send examples of an operation.

    Status, content type, body, refusal of what is forbidden, authentication: every check but one. That values which
    each fit their schema are accepted together is no promise: a cursor is opaque, an address list is no regular
    expression, and a default expiry lies below the maximum.
    """

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=server.operations[id].as_strategy())
    def check(case: Any) -> None:
        if "wait" in (case.query or {}):
            case.query["wait"] = 0.001  # nobody is kept waiting for an event that never comes
        headers = {"Authorization": f"Bearer {credential()}"}
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    check()


@pytest.mark.parametrize("id", sorted(set(OPERATIONS) - set(SELF)))
def test_every_operation_answers_as_the_document_says(server: Server, id: str) -> None:
    conform(server, id, lambda: server.operator)


def test_so_does_every_operation_beside_the_rooms(server: Server) -> None:
    beside = set(server.operations) - set(OPERATIONS)
    assert {"verify", "verify.batch", "auth", *(path.strip("/") for path in PATHS)} <= beside
    for id in sorted(beside):
        conform(server, id, server.key if id == "auth" else lambda: server.operator)


@pytest.mark.parametrize("id", SELF)
def test_so_does_what_a_key_may_do_with_itself(server: Server, id: str) -> None:
    conform(server, id, server.key)


def test_every_kind_of_verdict_is_what_the_document_says(server: Server) -> None:
    secret = server.key(limits=[Limit("day", 5, 86_400)], expires_in=timedelta(days=1))
    spent = server.key(limits=[Limit("day", 1, 86_400)])
    server.tk.verify(spent)
    credentials = {
        "key": secret,
        "token": str(server.tk.exchange(secret).access),
        "session": str(server.tk.sessions.start("ada", tenant=ASIDE).access),
        "malformed": "x",
        "rate_limited": spent,
    }
    headers = {"Authorization": f"Bearer {server.operator}"}
    for what, credential in credentials.items():
        case = server.operations["verify"].Case(body={"credential": credential}, media_type="application/json")
        body = case.call_and_validate(headers=headers).json()
        assert what in (body["kind"], body["code"])
        assert set(body) == set(server.document["components"]["schemas"]["Verdict"]["properties"])
        if body["valid"]:
            named = server.document["components"]["schemas"]["VerdictTenant"]["properties"]
            assert set(body["tenant"]) == set(named)
            assert body["session"] is None or "claims" in body["session"]


def test_the_example_of_every_request_is_accepted(server: Server) -> None:
    client = TestClient(server.app, headers={"Authorization": f"Bearer {server.operator}"})
    refused = {}
    for path, item in server.document["paths"].items():
        for verb, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if operation["operationId"] in OPERATIONS and "example" in content:
                answer = client.request(verb, re.sub(r"\{\w+\}", "nothing", path), json=content["example"])
                problem = answer.json() if answer.status_code == 422 else {}
                # What the example names need not exist here.
                wrong = [one for one in problem.get("errors", ()) if one["code"] not in ("unknown_role", "bad_cursor")]
                if answer.status_code in (400, 500) or wrong:
                    refused[operation["operationId"]] = answer.text
    assert refused == {}


def test_every_operation_of_a_room_has_a_summary_a_security_scheme_and_its_problems(server: Server) -> None:
    document = server.document
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    for operation in [one for one in operations if one["operationId"] in OPERATIONS]:
        assert operation["summary"]
        assert operation["security"] == [{"bearer": []}, *([{}] if operation["operationId"] == "leaks.report" else [])]
        assert {"401", "403", "404", "422", "429", "503"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if status[0] in "45":
                assert list(answer["content"]) == ["application/problem+json"]
