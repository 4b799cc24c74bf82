"""Requests that come again on a connection are answered without the parser, by the real server with its real loop.

uvloop looks the methods of a protocol up when a connection is accepted, and never calls what is put there later.
"""

import re
import socket
from pathlib import Path

from tests.servers.serving import Serving, serving

_TIMES = 20


def _counted(server: Serving, name: str) -> int:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        shown = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    found = re.search(rf"^tokenry_{name}_total\{{.*\}} (\d+)", shown, re.MULTILINE)
    assert found is not None, shown
    return int(found[1])


def _ask(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    while len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head


def test_what_comes_again_is_not_parsed(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        secrets = [server.issue(f"k{number}").encode() for number in range(2)]
        head = b"Host: a\r\nAuthorization: Bearer %b\r\n"
        body = b'{"credential":"%b"}' % secrets[0]
        sent = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        verify = b"POST /v1/verify HTTP/1.1\r\n" + head % server.operator_key.encode() + sent
        requests = [verify] * _TIMES
        for number in range(_TIMES):  # of two keys in turn: a head that differs in its credential
            requests.append(b"GET /v1/auth HTTP/1.1\r\n" + head % secrets[number % 2] + b"\r\n")
        before = _counted(server, "lane_answers"), _counted(server, "lane_parsed")
        for same in (requests[:_TIMES], requests[_TIMES:]):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                for request in same:
                    assert _ask(connection, request).startswith(b"HTTP/1.1 200 OK")
        answered, parsed = (
            _counted(server, name) - count for name, count in zip(("lane_answers", "lane_parsed"), before, strict=True)
        )
    assert answered == 2 * _TIMES
    assert parsed <= 6, "the first one of each kind, and those that waited for the database"
