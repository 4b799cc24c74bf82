"""The trace of a request (`traceparent`) is in the log lines and the audit entries that it causes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.serving import Serving, serving
from tests.servers.waiting import until

SPAN = "00f067aa0ba902b7"


@pytest.fixture(scope="module", params=["true", "false"], ids=["lane", "plain"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Give a server that logs every request."""
    settings = {"TOKENRY_ACCESS_LOG_SHARE": "1", "TOKENRY_LANE": request.param}
    with serving(tmp_path_factory.mktemp("traces"), **settings) as server:
        server.call("PUT", "/v1/owners/ada", {})
        yield server


def ask(server: Serving, method: str, path: str, body: Any = None, *traceparents: str) -> tuple[int, str]:
    """Send a request with each of these fields; return the status and the id of the request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest(method, path)
    connection.putheader("Authorization", f"Bearer {server.operator_key}")
    content = b"" if body is None else json.dumps(body).encode()
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(content)))
    for field in traceparents:
        connection.putheader("TraceParent", field)
    connection.endheaders(content)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, str(answer.getheader("X-Request-Id"))


def logged(server: Serving, request_id: str) -> list[Any]:
    """Return the traces in the lines of a request, the last of which comes after the answer."""
    lines: list[Any] = []

    def is_told() -> bool:
        lines[:] = [line for line in server.lines() if line.get("request_id") == request_id]
        return any(line["event"] == "request" for line in lines)

    until(is_told)
    return [line.get("trace_id") for line in lines]


ROUTES = [
    ("POST", "/v1/verify", {"credential": "x"}, 200),
    ("POST", "/v1/verify/batch", {"questions": [{"credential": "x"}]}, 200),
    ("GET", "/v1/auth", None, 401),
    ("GET", "/v1/keys", None, 200),
    ("GET", "/v1/keys/key_x", None, 404),
    ("GET", "/readyz", None, 200),
    ("GET", "/.well-known/jwks.json", None, 200),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_every_line_of_a_request_names_its_trace(server: Serving, route: tuple[Any, ...]) -> None:
    method, path, body, status = route
    trace = f"{ROUTES.index(route) + 1:032x}"
    found, request_id = ask(server, method, path, body, f"00-{trace}-{SPAN}-01")
    assert (found, logged(server, request_id)) == (status, [trace])


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["00-xyz"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{'a' * 32}-{SPAN}-01", f"00-{'b' * 32}-{SPAN}-01"],
        [f"00-{'a' * 32}-{SPAN}-01", f"00-{'a' * 32}-{SPAN}-01", f"00-{'a' * 32}-{SPAN}-01"],
    ],
    ids=["none", "malformed", "zeros", "two", "three"],
)
def test_what_is_malformed_or_ambiguous_is_ignored(server: Serving, fields: list[str]) -> None:
    for method, path, body, status in ROUTES:
        found, request_id = ask(server, method, path, body, *fields)
        assert (found, logged(server, request_id)) == (status, [None])


def entries(server: Serving, action: str) -> dict[str, Any]:
    """Return the traces in the audit log by the ids of their requests."""
    found = server.call("GET", f"/v1/audit?action={action}&limit=100")["items"]
    return {one["request_id"]: one["trace_id"] for one in found}


@pytest.mark.parametrize("field", ["00-{}-{}-01", "00-{}-{}-00", "01-{}-{}-01-more"])
def test_a_change_names_the_trace_of_its_request(server: Serving, field: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = {"owner": "ada", "name": f"key {field}"}
    status, request_id = ask(server, "POST", "/v1/keys", body, field.format(trace, SPAN))
    assert (status, entries(server, "key.issued")[request_id]) == (201, trace)
    status, request_id = ask(server, "PUT", f"/v1/roles/{field[-2:]}", {"scopes": ["a"]}, field.format(trace, SPAN))
    assert (status, entries(server, "role.updated")[request_id]) == (200, trace)


def test_a_change_without_a_trace_names_none(server: Serving) -> None:
    status, request_id = ask(server, "POST", "/v1/keys", {"owner": "ada", "name": "untraced"}, "00-no-trace-01")
    assert (status, entries(server, "key.issued")[request_id]) == (201, None)


def test_lines_of_later_requests_do_not_name_the_trace(server: Serving) -> None:
    ask(server, "GET", "/v1/keys", None, f"00-{'c' * 32}-{SPAN}-01")
    _, request_id = ask(server, "GET", "/v1/keys")
    assert logged(server, request_id) == [None]
