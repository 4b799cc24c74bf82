"""Whatever anonymous clients send, and however they send it, a server stays under 200 MB."""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.serving import Serving, serving

RSS_MAX = 200 << 20
COUNT = 4000 if os.environ.get("TOKENRY_CHAOS") else 600
"""How many requests a flood has. Each differs from the others in up to 15 KB, so that keeping them would show."""

CONNECTIONS = 900 if os.environ.get("TOKENRY_CHAOS") else 250
_PIPELINED = 12


def rss(server: Serving) -> int:
    """Return how much memory the process of a server takes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(
        tmp_path_factory.mktemp("flooded"), TOKENRY_FAILURES_MAX="1000000", TOKENRY_VERIFY_OPEN="true"
    ) as server:
        yield server


def request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body or method == "POST" else []
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *fields, *length, "", ""]).encode("latin-1") + body


def form(target: str, body: str) -> bytes:
    return request("POST", target, "Content-Type: application/x-www-form-urlencoded", body=body.encode())


def question(**asked: Any) -> bytes:
    return request("POST", "/v1/verify", "Content-Type: application/json", body=json.dumps(asked).encode())


def long(number: int, unit: str = "x", size: int = 15_000) -> str:
    """Return a long text of its own for each number."""
    return f"{number}{unit}" * (size // (len(unit) + len(str(number))))


EXCHANGE = (
    "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x"
    "&subject_token_type=urn:tokenry:token-type:key"
)
FLOODS: dict[str, Callable[[int], bytes]] = {
    "requirements": lambda n: request("GET", "/v1/auth", "X-API-Key: x", f"X-Auth-Require-Scopes: {long(n, ',a')}"),
    "requirements in the query": lambda n: request("GET", f"/v1/auth?scopes={long(n, '+a')}", "X-API-Key: x"),
    "small requirements": lambda n: request("GET", f"/v1/auth?scopes=a:{n}", "X-API-Key: x"),
    "environments": lambda n: request("GET", "/v1/auth", "X-API-Key: x", f"X-Auth-Require-Environment: {long(n)}"),
    "unknown requirements": lambda n: request("GET", f"/v1/auth?{long(n, '=&')}", "X-API-Key: x"),
    "questions": lambda n: question(credential="x", scopes=[f"a:{n}:{i}" for i in range(3000)]),
    "nested questions": lambda n: question(
        credential="x", scopes={"all": [{"any": [f"a:{n}:{i}"]} for i in range(2000)]}
    ),
    "deep questions": lambda n: question(credential="x", scopes=json.loads("[" * 400 + f'"{n}"' + "]" * 400)),
    "addresses": lambda n: question(credential="x", ip=f"fe80::1%{long(n)}"),
    "audiences": lambda n: question(credential="x", audience=long(n), environment=long(n + 1), tenant=long(n + 2)),
    "fields": lambda n: question(credential="x", **{f"{n}_{i}": 1 for i in range(4000)}),
    "credentials": lambda n: request("GET", "/v1/auth", f"Authorization: Bearer {long(n)}"),
    "tokens": lambda n: request("GET", "/v1/auth", f"X-API-Key: eyJ{long(n, 'a', 4000)}.{long(n, 'b', 4000)}.cc"),
    "cookies": lambda n: request("GET", "/v1/auth", f"Cookie: {long(n, '=1; ')}"),
    "headers": lambda n: request("GET", "/v1/auth", *[f"x-{n}-{i}: {i}" for i in range(120)]),
    "many small headers": lambda n: request("GET", "/v1/auth", *["a:"] * 3000),
    "request ids": lambda n: request("GET", "/v1/auth", f"X-Request-Id: {long(n)}"),
    "forwarded": lambda n: request("GET", "/v1/auth", f"X-Forwarded-For: 10.0.{n % 250}.1%{long(n)}"),
    "paths": lambda n: request("GET", f"/{long(n, '/')}"),
    "colons": lambda n: request("GET", f"/x://{long(n, ':')}"),
    "methods": lambda n: request(("HEAD", "OPTIONS", "PATCH", "DELETE")[n % 4], f"/v1/keys/{long(n)}"),
    "ids": lambda n: request("GET", f"/v1/keys/key_{long(n)}?{long(n, '=&', 1000)}", "X-API-Key: x"),
    "tenants": lambda n: request("GET", f"/t/{long(n)}/.well-known/jwks.json"),
    "small tenants": lambda n: request("GET", f"/t/t{n}/.well-known/jwks.json"),
    "metadata": lambda n: request("GET", f"/.well-known/oauth-authorization-server/t/{long(n)}"),
    "scopes of a token": lambda n: form("/oauth/token", f"{EXCHANGE}&scope={long(n, '!+')}"),
    "forms": lambda n: form("/oauth/token", f"grant_type=refresh_token&refresh_token=x&client_id={long(n)}"),
    "large forms": lambda n: form("/oauth/revoke", long(n, "=&", 60_000)),
    "introspections": lambda n: form(f"/t/{long(n, 'a', 8000)}/oauth/introspect", f"token={long(n, 'a', 8000)}"),
    "bodies nobody reads": lambda n: request("GET", "/docs", body=long(n, "x", 60_000).encode()),
    "batches": lambda n: request("POST", "/v1/verify/batch", "Content-Type: application/json", body=b"[" * 60_000),
    "chunks": lambda n: (
        request("POST", "/v1/verify", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
        + b"1\r\nx\r\n" * 8000
        + b"0\r\n\r\n"
    ),
}


def send(server: Serving, requests: list[bytes]) -> None:
    """Send some requests on one connection and read until it ends, whatever is answered."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"".join(requests))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_requests_is_forgotten(server: Serving, name: str) -> None:
    make = FLOODS[name]
    for number in range(0, COUNT, _PIPELINED):
        send(server, [make(one) for one in range(number, number + _PIPELINED)])
    assert rss(server) < RSS_MAX, f"{rss(server) >> 20} MB"
    assert server.try_call("GET", "/healthz")[0] == 200


HEAD = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HELD: dict[str, bytes] = {
    "idle": b"",
    "heads": b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"x" * 15_000,
    "small fields": b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 3000,
    "bodies": HEAD + b"Content-Length: 65000\r\n\r\n" + b"x" * 64_900,
    "large bodies": HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 999_000,
    "chunked bodies": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 0x3FFF,
    "bodies of management": HEAD.replace(b"verify", b"keys") + b"Content-Length: 1000000\r\n\r\n" + b"x" * 999_000,
    "forms": form("/oauth/token", "x" * 16_000)[:-1],
    "unread answers": request("GET", "/openapi.json") * 16,
    "unread refusals": request("GET", "/v1/auth") * 1000,
}


@pytest.mark.parametrize("name", HELD)
def test_clients_that_do_not_go_on_hold_little(server: Serving, name: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", server.port))
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.setblocking(False)
                connection.send(HELD[name])
        assert rss(server) < RSS_MAX, f"{rss(server) >> 20} MB"
        if name != "unread answers":
            assert server.try_call("GET", "/healthz")[0] == 200
    assert rss(server) < RSS_MAX, f"{rss(server) >> 20} MB"
