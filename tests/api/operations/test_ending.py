"""SIGTERM under load: every request that has arrived is answered, and the process has gone in time."""

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.api.lane.answer import read
from tests.servers.load import Load
from tests.servers.serving import serving
from tests.servers.waiting import until


@pytest.mark.parametrize(("lane", "keeps"), [("true", True), ("true", False), ("false", True)])
def test_no_verification_fails_when_the_server_ends_under_load(tmp_path: Path, lane: str, keeps: bool) -> None:
    with serving(tmp_path, TOKENRY_LANE=lane) as server:
        secret = server.issue("k")
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        body = json.dumps({"credential": secret})
        load = Load(server.port, "POST", "/v1/verify", fields, body, keeps=keeps)
        until(lambda: load.answered > 100)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 10
        load.join()
    assert load.failures == []


def test_no_change_is_lost_when_the_server_ends_under_load(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.call("PUT", "/v1/owners/ada", {})
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        load = Load(server.port, "PUT", "/v1/owners/ada", fields, json.dumps({"name": "Ada"}), keeps=True)
        until(lambda: load.answered > 20)
        assert server.end() == 0
        load.join()
    assert load.failures == []
    with serving(tmp_path) as server:
        used = server.call("GET", "/v1/keys?tenant=system")["items"][0]["use_count"]
        assert used > load.answered, "a clean stop loses no count"


def test_a_client_that_never_finishes_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_SHUTDOWN_SECONDS="4") as server:
        slow, idle = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
        slow.sendall(b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) in (0, 1)
        assert time.monotonic() - began < 10
        slow.close()
        idle.close()


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/verify"])
def test_a_body_that_has_not_come_when_the_server_ends_is_told_so(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, TOKENRY_SHUTDOWN_SECONDS="4", TOKENRY_LANE="false") as server:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.operator_key}\r\n"
        with socket.create_connection(("127.0.0.1", server.port), 60) as slow:
            slow.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
            server.call("GET", "/healthz")  # it came last: what came before is being worked on
            assert server.end() == 0
            (answer,) = read(b"".join(iter(lambda: slow.recv(65536), b"")))
        assert (answer.status, answer.json["code"]) == (408, "too_slow")
        assert "Traceback" not in server.err
