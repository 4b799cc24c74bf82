"""The library on a database of its own, and the client of a real server: whoever tests a promise gets both."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry import Tokenry
from tokenry.client import Client
from tokenry.types import OPERATOR_SCOPES, Settings


def slug_of(request: pytest.FixtureRequest) -> str:
    return "c-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


@pytest.fixture
def operator(tokenry_server: Serving) -> Iterator[Client]:
    """The client of who operates the installation."""
    with Client(tokenry_server.url, tokenry_server.operator_key, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def key(operator: Client, request: pytest.FixtureRequest) -> str:
    """The key of an operator of one tenant, which nobody else has; the owner `ada` is there."""
    slug = slug_of(request)
    operator.tenants.create(slug, never_allowed=True)
    there = operator.scoped(tenant=slug)
    there.owners.put("operator")
    there.owners.put("ada")
    issued = there.keys.issue("operator", name="operator", scopes=OPERATOR_SCOPES, environment="op")
    return str(issued.secret)


@pytest.fixture
def client(tokenry_server: Serving, key: str) -> Iterator[Client]:
    """A client of one tenant."""
    with Client(tokenry_server.url, key, timeout=PATIENCE) as client:
        yield client


@pytest.fixture(params=["library", "client"])
def tk(request: pytest.FixtureRequest) -> Iterator[Tokenry | Client]:
    """The same calls, made here or over HTTP."""
    if request.param == "client":
        yield request.getfixturevalue("client")
        return
    with Tokenry("sqlite://", settings=Settings(background=False)) as library:
        library.owners.put("ada")
        yield library


class Scripted:
    """A server that answers what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.asked.append((self.command, self.path, dict(self.headers), body))
                status, headers, content = script.answers.pop(0) if script.answers else (500, {}, b"")
                if status == 0:  # the connection breaks
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()
