"""Plain ASGI and WSGI applications behind keys, in front of real servers' scopes and environs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from werkzeug.test import Client

from tokenry import AsyncTokenry, Limit, Tokenry
from tokenry.config import fresh_keyring
from tokenry.ext import asgi, wsgi
from tokenry.testing import throwaway


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway() as tk:
        tk.owners.put("ada")
        yield tk


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    credential = environ["tokenry.credential"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [credential.owner.external_id.encode() if credential else b"nobody"]


def issue(tk: Tokenry, *scopes: str, **asked: Any) -> dict[str, str]:
    secret = tk.keys.issue("ada", name=f"key {len(tk.keys.list().items)}", scopes=scopes, **asked).secret
    return {"Authorization": f"Bearer {secret}"}


def test_wsgi_lets_in_answers_and_tells_limits(tk: Tokenry) -> None:
    client = Client(wsgi.TokenryMiddleware(plain, tk, scopes="read:projects"))
    headers = issue(tk, "read:projects", limits=[Limit("hour", 1, 3600)])
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.text) == (200, "ada")
    assert answer.headers["RateLimit-Policy"] == '"hour";q=1;w=3600'
    assert client.get("/", headers=headers).status_code == 429
    missing = client.get("/")
    assert (missing.status_code, missing.json["code"]) == (401, "credential_missing")  # type: ignore[index]
    assert client.get("/", headers=issue(tk, "other:thing")).status_code == 403
    assert client.head("/").text == ""


def test_wsgi_lets_nobody_in_for_a_bad_credential(tk: Tokenry) -> None:
    client = Client(wsgi.TokenryMiddleware(plain, tk, optional=True))
    assert client.get("/").text == "nobody"
    assert client.get("/", headers={"X-API-Key": "nonsense"}).status_code == 401
    assert client.get("/", headers={"Authorization": "Basic dTpw"}).text == "nobody"


@pytest.fixture
def async_tk() -> Iterator[AsyncTokenry]:
    tk = AsyncTokenry("sqlite://", keyring=fresh_keyring())
    tk._sync.owners.put("ada")
    yield tk
    tk._sync.close()


async def who(request: Request) -> PlainTextResponse:
    credential = request.scope["tokenry"]
    return PlainTextResponse(credential.owner.external_id if credential else "nobody")


def test_asgi_guards_one_route_of_starlette(async_tk: AsyncTokenry) -> None:
    guard = Middleware(asgi.TokenryMiddleware, async_tk, scopes="read:projects")
    app = Starlette(routes=[Route("/projects", who, middleware=[guard]), Route("/", lambda _: PlainTextResponse("hi"))])
    headers = issue(async_tk._sync, "read:projects", limits=[Limit("hour", 1, 3600)])
    with TestClient(app) as client:
        assert client.get("/").text == "hi"
        answer = client.get("/projects", headers=headers)
        assert (answer.text, answer.headers["RateLimit-Policy"]) == ("ada", '"hour";q=1;w=3600')
        assert client.get("/projects", headers=headers).status_code == 429
        missing = client.get("/projects")
        assert (missing.status_code, missing.json()["code"]) == (401, "credential_missing")
        assert missing.headers["content-type"] == "application/problem+json"
        assert client.head("/projects").content == b""


def test_asgi_takes_two_headers_of_one_name_for_two_credentials(async_tk: AsyncTokenry) -> None:
    app = asgi.TokenryMiddleware(PlainTextResponse("in"), async_tk)
    one, other = issue(async_tk._sync)["Authorization"], issue(async_tk._sync)["Authorization"]
    client = TestClient(app)
    assert client.get("/", headers=[("Authorization", one), ("Authorization", one)]).status_code == 200
    assert client.get("/", headers=[("Authorization", one), ("Authorization", other)]).status_code == 400


def test_asgi_answers_a_websocket_on_http_where_the_server_can(async_tk: AsyncTokenry) -> None:
    from starlette.testclient import WebSocketDenialResponse

    app = asgi.TokenryMiddleware(PlainTextResponse("in"), async_tk)
    with pytest.raises(WebSocketDenialResponse) as refused, TestClient(app).websocket_connect("/"):
        pass
    assert refused.value.status_code == 401
