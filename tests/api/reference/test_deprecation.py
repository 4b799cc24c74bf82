"""A deprecated operation says so in its answers, in the reference and in the log of a client."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.client.conftest import Scripted, scripted  # noqa: F401
from tokenry import AsyncTokenry, Settings, Tokenry
from tokenry.api.app import Served, create_app
from tokenry.api.management import Callers, Management
from tokenry.api.process.settings import ServerSettings
from tokenry.api.reference import markdown
from tokenry.api.reference.hot_routes import described as with_hot
from tokenry.api.reference.oauth_routes import described as with_oauth
from tokenry.api.routes import AUTH, BATCH, GITHUB, INTROSPECT, JWKS, METADATA, REVOKE, ROUTES, TOKEN, VERIFY
from tokenry.client import Client, deprecation
from tokenry.installation import make_operator_key
from tokenry.operations import OPERATIONS, Deprecated

DEPRECATED = Deprecated(date(2027, 1, 1), date(2028, 1, 1), "`keys.search`")
SENTENCE = "Deprecated since 2027-01-01, answered until 2028-01-01 at least; use `keys.search` instead."


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Give an operator of a server on which `keys.find` is deprecated."""
    found = dataclasses.replace(OPERATIONS["keys.find"], deprecated=DEPRECATED)
    monkeypatch.setitem(OPERATIONS, "keys.find", found)
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        operator = str(make_operator_key(tk).secret)
        yield TestClient(Management(tk, Callers(tk)), headers={"Authorization": f"Bearer {operator}"})


def dates(headers: Any) -> tuple[datetime, datetime]:
    """Read both dates as a client does."""
    since = headers["Deprecation"]
    assert since[0] == "@"
    return datetime.fromtimestamp(int(since[1:]), UTC), parsedate_to_datetime(headers["Sunset"])


@pytest.mark.parametrize(("body", "status"), [({"kid": "A" * 16}, 404), ({}, 422), ({"unknown": 1}, 422)])
def test_every_answer_has_both_dates(client: TestClient, body: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/keys/find", json=body)
    assert answer.status_code == status
    assert dates(answer.headers) == (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    assert answer.headers["Sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"


def test_a_success_and_a_refused_caller_get_them_too(client: TestClient) -> None:
    kid = client.get("/v1/keys?tenant=system").json()["items"][0]["secrets"][0]["kid"]
    answer = client.post("/v1/keys/find?tenant=system", json={"kid": kid})
    assert (answer.status_code, answer.headers["Deprecation"]) == (200, "@1798761600")
    answer = client.post("/v1/keys/find", json={}, headers={"Authorization": "Bearer nobody"})
    assert (answer.status_code, answer.headers["Deprecation"]) == (401, "@1798761600")


def test_other_operations_have_none(client: TestClient) -> None:
    answer = client.get("/v1/keys")
    assert answer.status_code == 200
    assert {"deprecation", "sunset"}.isdisjoint(answer.headers)


def test_the_reference_says_so(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operation = paths["/v1/keys/find"]["post"]
    assert (operation["deprecated"], operation["x-sunset"], operation["description"]) == (True, "2028-01-01", SENTENCE)
    assert [path for path, item in paths.items() for one in item.values() if "deprecated" in one] == ["/v1/keys/find"]
    assert next(line for line in markdown.table().splitlines() if SENTENCE in line).startswith("| `POST /v1/keys/find`")
    assert "answered until 2028-01-01 at least" in client.get("/docs").text


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Give a server on which every route of verification and OAuth is deprecated."""
    for path, route in ROUTES.items():
        monkeypatch.setitem(ROUTES, path, dataclasses.replace(route, deprecated=DEPRECATED))
    tk = AsyncTokenry("sqlite://", settings=Settings(background=False))
    served = Served(tk, ServerSettings())
    operator = str(make_operator_key(served.sync).secret)
    with TestClient(create_app(served), headers={"Authorization": f"Bearer {operator}"}) as client:
        yield client
    served.sync.close()


GOOD: dict[str, dict[str, Any]] = {
    VERIFY: {"json": {"credential": "tk_live_1"}},
    BATCH: {"json": {"questions": [{"credential": "tk_live_1"}]}},
    AUTH: {},
    GITHUB: {},
    TOKEN: {"data": {"grant_type": "none"}},
    INTROSPECT: {"data": {"token": "tk_live_1"}},
    REVOKE: {"data": {"token": "tk_rt_1"}},
    JWKS: {},
    METADATA: {},
}


@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_of_verification_and_oauth_has_both_dates(server: TestClient, path: str) -> None:
    tenant = f"/t/default{path}" if path.startswith("/oauth") else path
    answers = [
        server.request(ROUTES[path].verb, path, **GOOD[path]),
        server.request(ROUTES[path].verb, tenant, **GOOD[path]),
        server.request("PATCH", path),
    ]
    assert answers[2].status_code >= 400
    for answer in answers:
        assert dates(answer.headers) == (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))


def test_the_reference_says_so_of_verification_and_oauth(server: TestClient) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    for path, route in ROUTES.items():
        operation = paths[path][route.verb.lower()]
        assert (operation["operationId"], operation["summary"]) == (route.id, route.about)
        assert (operation["deprecated"], operation["x-sunset"]) == (True, "2028-01-01")
        assert operation["description"].startswith(SENTENCE)
    assert markdown.table_of_routes().count(SENTENCE) == len(ROUTES)
    assert server.get("/docs").text.count("answered until 2028-01-01 at least") == len(ROUTES)


def test_the_table_of_routes_holds_every_path_outside_of_management() -> None:
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        document = with_oauth(with_hot(Management(tk, Callers(tk)).openapi(), operations=False))
    assert {*document["paths"]} == {*ROUTES, *(one.path for one in OPERATIONS.values())}


def test_less_than_a_year_of_notice_is_refused() -> None:
    with pytest.raises(ValueError, match="365 days or more"):
        Deprecated(date(2027, 1, 1), date(2027, 1, 1) + timedelta(days=364), "`keys.search`")


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a new process, which has warned of nothing."""
    monkeypatch.setattr(deprecation, "_warned", set())


def test_a_client_warns_once_for_each_operation(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:  # noqa: F811
    headers = {name.decode(): value.decode() for name, value in DEPRECATED.fields}
    scripted.answers = [(404, headers, b"{}")] * 3
    with Client(scripted.url, "k", retries=0) as client, caplog.at_level(logging.WARNING, "tokenry.client"):
        for call, id in ((client.keys.get, "key_1"), (client.keys.get, "key_2"), (client.owners.get, "ada")):
            with pytest.raises(Exception, match="404"):
                call(id)
    until = "since 2027-01-01; it may not be answered any more after Sat, 01 Jan 2028 00:00:00 GMT."
    reference = "The reference of the server (/docs) says what to use"
    assert [record.getMessage() for record in caplog.records] == [
        f"GET /v1/keys/{{id}} is deprecated {until} {reference}",
        f"GET /v1/owners/{{external_id}} is deprecated {until} {reference}",
    ]


@pytest.mark.parametrize("value", ["true", "@", "@99999999999", "@-1", "Fri, 01 Jan 2027 00:00:00 GMT", "@1\x7f"])
def test_a_client_warns_without_a_date_when_it_cannot_read_it(value: str, caplog: pytest.LogCaptureFixture) -> None:
    deprecation.tell("GET /x", {"deprecation": value, "sunset": "\x1b[31m"})
    assert caplog.messages == ["GET /x is deprecated. The reference of the server (/docs) says what to use"]
