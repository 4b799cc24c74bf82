"""SIGTERM under load: every request that has arrived is answered, and the process has gone in time."""

import http.client
import json
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.servers.serving import Serving, serving

CLIENTS = 8


class Load:
    """Clients that send one request after another until nobody takes a connection any more.

    A request has failed when it was sent and got no whole answer, or one of 500 and above. That a connection is refused
    or that the server closes one between two requests, having said so or not having read a byte, is no failure.
    """

    def __init__(self, port: int, method: str, path: str, fields: dict[str, str], body: str, *, keeps: bool) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._request = (method, path, body, fields)
        self._port, self._keeps = port, keeps
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive()

    def _run(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.connect()
            except OSError:
                return
            try:
                while self._ask(connection):
                    pass
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        method, path, body, fields = self._request
        try:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.failures.append(repr(error))
            return False
        with self._lock:
            self.answered += 1
            if response.status >= 400:
                self.failures.append(str(response.status))
        return self._keeps and not response.will_close


@pytest.mark.parametrize("keeps", [True, False], ids=["kept alive", "one each"])
@pytest.mark.parametrize("lane", ["true", "false"], ids=["lane", "no lane"])
def test_no_verification_fails_when_the_server_ends_under_load(tmp_path: Path, lane: str, keeps: bool) -> None:
    with serving(tmp_path, TOKENRY_LANE=lane) as server:
        secret = server.issue("k")
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        body = json.dumps({"credential": secret})
        load = Load(server.port, "POST", "/v1/verify", fields, body, keeps=keeps)
        time.sleep(0.4)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 5
        load.join()
    assert load.failures == []
    assert load.answered > 100


def test_no_change_is_lost_when_the_server_ends_under_load(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.call("PUT", "/v1/owners/ada", {})
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        load = Load(server.port, "PUT", "/v1/owners/ada", fields, json.dumps({"name": "Ada"}), keeps=True)
        time.sleep(0.4)
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
        assert server.process.wait(10) in (0, 1)
        assert time.monotonic() - began < 5
        slow.close()
        idle.close()


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert isinstance(server, Serving)
        assert server.end(signal.SIGINT) == 0
        assert "Traceback" not in server.err
