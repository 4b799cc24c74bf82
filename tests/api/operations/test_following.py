"""Clients that wait for events: a long poll, and a stream of server-sent events."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.api.operations.test_workers import on_postgres
from tests.servers.postgres import Postgres
from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tokenry import Tokenry
from tokenry.api.management import arrivals


class Stream:
    """A client of server-sent events; `messages` are the fields of each so far.

    It asks for events of owners: the first use of its own key is told at any time.
    """

    def __init__(self, server: Serving, query: str = "?types=owner.*", key: str | None = None, **fields: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        head = {"Authorization": f"Bearer {key or server.operator_key}", "Accept": "text/event-stream", **fields}
        self._connection.request("GET", f"/v1/events{query}", headers=head)
        self.response = self._connection.getresponse()
        self.messages: list[dict[str, str]] = []
        if self.response.status == 200:
            self._next()

    def events(self, count: int) -> list[dict[str, Any]]:
        """Read until so many events have come; return them."""
        while len(found := [json.loads(one["data"]) for one in self.messages if "data" in one]) < count:
            self._next()
        return found

    def end(self) -> dict[str, str]:
        """Read until the end; return the last message."""
        while self._next():
            pass
        return self.messages[-1]

    def close(self) -> None:
        self.response.close()
        self._connection.close()

    def _next(self) -> bool:
        fields: dict[str, str] = {}
        while (line := self.response.readline().decode()) not in ("\n", ""):
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        if fields:
            self.messages.append(fields)
        return line != ""


@contextmanager
def streaming(server: Serving, *args: Any, **fields: Any) -> Iterator[Stream]:
    stream = Stream(server, *args, **fields)
    try:
        yield stream
    finally:
        stream.close()


def waiting(server: Serving) -> float:
    """Return how many clients wait, as the metrics tell it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("tokenry_waiting{"))


def operator_of(server: Serving, tenant: str) -> tuple[str, str]:
    """Return the id and the secret of a new operator's key of a tenant."""
    server.try_call("POST", "/v1/tenants", {"slug": tenant})
    server.call("PUT", f"/v1/owners/operator?tenant={tenant}", {})
    asked = {"owner": "operator", "name": "op", "environment": "op", "scopes": ["tokenry:events:read"]}
    issued = server.call("POST", f"/v1/keys?tenant={tenant}", asked)
    return issued["key"]["id"], issued["secret"]


def test_a_long_poll_is_answered_by_the_next_event(tokenry_server: Serving) -> None:
    server = tokenry_server
    asked = "/v1/events?types=owner.*&after="
    last = server.call("GET", "/v1/events/latest")["sequence"]
    found: list[Any] = []
    poll = threading.Thread(target=lambda: found.append(server.call("GET", f"{asked}{last}&wait=60")))
    poll.start()
    until(lambda: waiting(server) == 1)
    server.call("PUT", "/v1/owners/polled", {})
    poll.join()
    assert [event["subject"] for event in found[0]["items"]] == ["polled"]
    assert server.call("GET", f"{asked}{found[0]['items'][0]['sequence']}&wait=0.001")["items"] == []
    assert server.try_call("GET", "/v1/events?wait=61")[0] == 422


def test_a_stream_tells_events_as_they_happen_and_goes_on_where_it_ended(tokenry_server: Serving) -> None:
    server = tokenry_server
    with streaming(server) as stream:
        assert stream.response.getheader("Content-Type") == "text/event-stream"
        server.call("PUT", "/v1/owners/first", {})
        assert [event["subject"] for event in stream.events(1)] == ["first"]
        last = stream.messages[-1]["id"]
    until(lambda: waiting(server) == 0)
    server.call("PUT", "/v1/owners/second", {})
    with streaming(server, "?after=0&types=owner.*", **{"Last-Event-ID": last}) as stream:
        assert [event["subject"] for event in stream.events(1)] == ["second"]
    for query, fields in (("", {"Last-Event-ID": "x"}), ("?cursor=b2s", {}), ("?wait=5", {}), ("?types=no.such", {})):
        with streaming(server, query, **fields) as stream:
            assert stream.response.status == 422, query


def test_a_stream_ends_when_its_key_is_revoked(tokenry_server: Serving) -> None:
    server = tokenry_server
    id, secret = operator_of(server, "streams")
    with streaming(server, key=secret) as stream:
        server.call("POST", f"/v1/keys/{id}/revoke?tenant=streams", {})
        server.call("PUT", "/v1/owners/after?tenant=streams", {})
        last = stream.end()
        assert (last["event"], json.loads(last["data"])["code"]) == ("end", "revoked")
        events = [json.loads(one["data"]) for one in stream.messages[:-1] if "data" in one]
        assert events == [], "nothing is told to a key that is revoked"
    with streaming(server, key=secret) as stream:
        assert stream.response.status == 401


def test_a_key_has_a_bounded_number_of_waiting_clients(tokenry_server: Serving) -> None:
    _, secret = operator_of(tokenry_server, "crowd")
    streams = [Stream(tokenry_server, key=secret) for _ in range(arrivals.PER_KEY_MAX)]
    try:
        assert {one.response.status for one in streams} == {200}
        status, answer = tokenry_server.try_call("GET", "/v1/events?after=9999&wait=60", key=secret)
        assert (status, answer["code"]) == (429, "rate_limited")
        with streaming(tokenry_server) as other:
            assert other.response.status == 200, "another key still has room"
    finally:
        for one in streams:
            one.close()
    until(lambda: waiting(tokenry_server) == 0)


def test_streams_and_polls_end_cleanly_with_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        stream, found = Stream(server), []
        poll = threading.Thread(target=lambda: found.append(server.call("GET", "/v1/events?after=99&wait=60")))
        poll.start()
        until(lambda: waiting(server) == 2)
        assert server.end() == 0
        stream.end()
        stream.close()
        poll.join()
    assert found == [{"items": [], "next_cursor": None}]
    assert "Traceback" not in server.err


def test_what_another_process_commits_to_the_file_is_told_soon(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server, streaming(server) as stream:
        with Tokenry(f"sqlite:///{tmp_path}/tokenry-data/tokenry.db") as tk:
            tk.owners.put("elsewhere")
        assert [event["subject"] for event in stream.events(1)] == ["elsewhere"]


def test_what_another_process_commits_on_postgresql_is_told_soon(postgres_server: Postgres) -> None:
    with on_postgres(postgres_server) as server, streaming(server) as stream:
        url = (server.directory / "url").read_text()
        with Tokenry(url, keyring=server.directory / "keyring") as tk:
            tk.owners.put("elsewhere")
        assert [event["subject"] for event in stream.events(1)] == ["elsewhere"]
