"""More clients than a server takes, and clients that do not end what they began: they cost others nothing."""

import asyncio
import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.lane.answer import read
from tests.api.operations.test_doors import certificate
from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tokenry.api.process import accepting
from tokenry.api.process.accepting import Door

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FORM = b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
LEAVING = (
    b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/auth HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n",
    FORM + b"Content-Length: 42\r\n\r\ngrant_type=refresh_token&refresh_token=abc",
    FORM + b"Content-Length: 300\r\n\r\ngrant_type=",
    b"\0\0\r\n\r\n",
)


def answered(connection: socket.socket) -> bytes:
    """Return everything that comes until the connection ends."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def connections(server: Serving, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(count)]


def test_a_connection_too_many_is_told_so_and_the_others_go_on(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_CONNECTIONS_MAX="5") as server:
        with connections(server, 5) as taken:
            taken[-1].sendall(HEALTHZ.replace(b"close", b"keep-alive"))
            assert b"200 OK" in taken[-1].recv(65536)
            with connections(server, 1) as (extra,):
                [answer] = read(answered(extra))
                assert (answer.status, answer.json["code"]) == (503, "busy")
                assert answer.fields["retry-after"] == "1"
            taken[0].sendall(HEALTHZ)
            assert b"200 OK" in answered(taken[0])
        until(lambda: server.try_call("GET", "/healthz")[0] == 200)


def test_a_client_that_leaves_is_no_error(tmp_path: Path) -> None:
    draw = random.Random(1)
    with serving(tmp_path, TOKENRY_FAILURES_MAX="1000000") as server:
        for round in range(12):
            with connections(server, 20) as leaving:
                for one in leaving:
                    one.sendall(b"".join(draw.choices(LEAVING, k=draw.randint(1, 8))))
                if round % 2:
                    server.try_call("GET", "/healthz")
                for one in leaving[:14]:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert server.try_call("GET", "/healthz")[0] == 200
        server.end()
    assert [line for line in server.lines() if line["level"] in ("error", "warning")] == []


def test_clients_that_neither_send_nor_read_on_do_not_keep_a_server_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_SHUTDOWN_SECONDS="20") as server:
        with connections(server, 40) as hanging:
            for place, one in enumerate(hanging):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.sendall(LEAVING[4] if place % 2 else LEAVING[0] * 16)
            began = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - began < 12
        assert [line["event"] for line in server.lines() if line["level"] == "error"] == []


def test_idle_tls_clients_do_not_keep_a_server_from_ending(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "server")
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    settings = {"TOKENRY_CONNECTIONS_MAX": "20", "TOKENRY_SHUTDOWN_SECONDS": "20"}
    with (
        serving(tmp_path, "--tls-certificate", str(chain), "--tls-key", str(key), **settings) as server,
        contextlib.ExitStack() as stack,
    ):
        opened = stack.enter_context(connections(server, 10))
        idle = [stack.enter_context(trust.wrap_socket(one)) for one in opened]
        for one in stack.enter_context(connections(server, 10)):
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        idle[0].sendall(HEALTHZ)
        assert b"200 OK" in answered(idle[0])
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 12


def test_the_oldest_unfinished_handshakes_make_room(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "server")
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with (
        serving(
            tmp_path, "--tls-certificate", str(chain), "--tls-key", str(key), TOKENRY_CONNECTIONS_MAX="20"
        ) as server,
        connections(server, 30) as hanging,
    ):
        for one in hanging[:10]:
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
        served = [trust.wrap_socket(one) for one in hanging[10:]]
        with connections(server, 1) as [extra], contextlib.suppress(ConnectionResetError):
            assert extra.recv(1) == b"", "there is no room for it, not even for its handshake"
        for wrapped in served:
            with wrapped:
                wrapped.sendall(HEALTHZ)
                assert b"200 OK" in answered(wrapped)


def test_a_handshake_that_is_not_finished_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_SECONDS", 0.2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "server"))

    async def work() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            door = Door(listener, context, asyncio.Protocol, lambda arriving: arriving < 1)
            door.open()
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"\x16\x03\x01\x02\x00\x01")
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            door.close()
            await door.wait_closed()
            return b""

    asyncio.run(work())
