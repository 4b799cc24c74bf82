"""A server whose issuer is where it is reached, and clients that nobody here wrote."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.servers import web
from tests.servers.serving import Serving, serving

CLIENTS = Path(__file__).parents[2] / "clients"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
NODE = ("node", "--experimental-global-webcrypto")  # which Debian's own needs to be told

_names = count(1)


class Issuer:
    """One tenant of a running server, with somebody who signs in and a service with a key."""

    def __init__(self, server: Serving, slug: str) -> None:
        self.server = server
        self.slug = slug
        self.url = f"{server.url}/t/{slug}"
        self.call("POST", "/v1/tenants", {"slug": slug})
        self.call("PUT", f"/v1/roles/developer?tenant={slug}", {"scopes": ["read:*"]})
        self.call("PUT", f"/v1/owners/ada?tenant={slug}", {"roles": ["developer"]})
        self.call("PUT", f"/v1/owners/api?tenant={slug}", {})
        self.service = self.issue("api", environment="op", scopes=["tokenry:verify"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.server.call(method, path, body)

    def issue(self, owner: str, **fields: Any) -> tuple[str, str]:
        """Issue a key; return its id and its secret."""
        body = {"owner": owner, "name": f"key {next(_names)}", **fields}
        found = self.call("POST", f"/v1/keys?tenant={self.slug}", body)
        return found["key"]["id"], found["secret"]

    def start(self, **fields: Any) -> Any:
        """Sign somebody in."""
        return self.call("POST", f"/v1/sessions?tenant={self.slug}", {"owner": "ada", **fields})

    def session(self, id: str) -> Any:
        return self.call("GET", f"/v1/sessions/{id}?tenant={self.slug}")

    def post(self, path: str, form: dict[str, Any], **options: Any) -> httpx2.Response:
        """Send a form to an endpoint of the tenant."""
        return web.post(self.url + path, data=form, **options)

    def refresh(self, token: str, **form: str) -> httpx2.Response:
        return self.post("/oauth/token", {"grant_type": "refresh_token", "refresh_token": token, **form})

    def exchange(self, key: str, **form: Any) -> httpx2.Response:
        given = {"grant_type": EXCHANGE, "subject_token": key, "subject_token_type": ACCESS_TOKEN}
        return self.post("/oauth/token", {**given, **form})

    def introspect(self, token: str, auth: tuple[str, str] | None = None) -> httpx2.Response:
        return self.post("/oauth/introspect", {"token": token}, auth=auth or self.service)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run one server for all tests of this folder; its issuer is its own address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"TOKENRY_ISSUER": f"http://127.0.0.1:{port}", "TOKENRY_FAILURES_MAX": "1000000"}
    with serving(tmp_path_factory.mktemp("oauth"), "--port", str(port), **settings) as server:
        yield server


@pytest.fixture
def issuer(server: Serving) -> Issuer:
    """Give a tenant of its own."""
    return Issuer(server, f"tenant-{next(_names)}")


def node(script: str, asked: dict[str, Any]) -> Any:
    """Run a script of `tests/clients`; return what it tells."""
    done = subprocess.run(
        [*NODE, str(CLIENTS / script)], input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
