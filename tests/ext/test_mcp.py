"""Real MCP servers in processes of their own, and the real client of the SDK over streamable HTTP."""

from __future__ import annotations

import asyncio
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth, extract_scope_from_www_auth
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import ProtectedResourceMetadata
from mcp.shared.exceptions import MCPError
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.ext.mcp_server import RESOURCE, TOOLS, server_of
from tests.servers.serving import Serving, serving
from tests.servers.waiting import listens, until
from tokenry import AsyncTokenry, Tokenry
from tokenry.client import Client as TokenryClient
from tokenry.ext.mcp import MCPTokenry, current_credential
from tokenry.types import ConfigError, Issued

READS = ["list_pages", "whoami"]


@contextmanager
def running(kind: str, place: str, directory: Path, **environment: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.ext.mcp_server", kind, str(port), place]
    with (directory / "mcp.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2], env=environment)
    try:
        until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, (directory / "mcp.log").read_text()
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait()


Place = tuple[str, Any]


@pytest.fixture(scope="module", params=["sdk", "fastmcp", "sdk asking a server"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The URL of an MCP server, and what manages the keys that it takes."""
    directory = tmp_path_factory.mktemp("mcp")
    kind, _, asks = request.param.partition(" ")
    if not asks:
        url = f"sqlite:///{directory / 'keys.db'}"
        with Tokenry(url) as tk:
            tk.owners.put("ada")
            with running(kind, url, directory) as endpoint:
                yield endpoint, tk
        return
    with (
        serving(directory) as server,
        _managing(server) as tk,
        running(kind, server.url, directory, TOKENRY_KEY=server.operator_key) as endpoint,
    ):
        yield endpoint, tk


@contextmanager
def _managing(server: Serving) -> Iterator[TokenryClient]:
    with TokenryClient(server.url, server.operator_key, timeout=timedelta(seconds=60)) as tk:
        tk.owners.put("ada")
        yield tk


def issue(tk: Any, *scopes: str, **fields: Any) -> Issued:
    issued: Issued = tk.keys.issue("ada", name=secrets.token_hex(4), scopes=["use:mcp", *scopes], **fields)
    return issued


@asynccontextmanager
async def client(endpoint: str, key: object, mode: str = "auto") -> AsyncIterator[Client]:
    fields = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=fields, timeout=60) as http,
        Client(streamable_http_client(endpoint, http_client=http), mode=mode) as found,
    ):
        yield found


def over(
    endpoint: str, key: object, mode: str = "auto"
) -> Callable[[Callable[[Client], Coroutine[Any, Any, None]]], None]:
    """Run a function with a client, at once."""

    def run(function: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        async def with_client() -> None:
            async with client(endpoint, key, mode) as found:
                await function(found)

        asyncio.run(with_client())

    return run


async def names(found: Client) -> list[str]:
    return [tool.name for tool in (await found.list_tools(cache_mode="bypass")).tools]


async def text_of(found: Client, tool: str, **arguments: str) -> str:
    result = await found.call_tool(tool, arguments)
    assert not result.is_error
    return "".join(part.text for part in result.content)  # type: ignore[union-attr]


def refusal(endpoint: str, key: object) -> Any:
    """Return how a first request is refused."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    return httpx2.post(endpoint, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=60)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_callers_see_and_call_the_tools_that_their_scopes_allow(place: Place, mode: str) -> None:
    endpoint, tk = place
    reader, writer = issue(tk, "read:*"), issue(tk, "read:pages", "write:pages")

    @over(endpoint, reader.secret, mode)
    async def _(found: Client) -> None:
        assert await names(found) == READS
        assert await text_of(found, "whoami") == "ada"
        for hidden in ("delete_page", "forgotten", "no_such_tool"):
            with pytest.raises(MCPError, match=f"'{hidden}' is no tool that your credential may call"):
                await found.call_tool(hidden, {"name": "home"})

    @over(endpoint, writer.secret, mode)
    async def _(found: Client) -> None:
        assert await names(found) == ["list_pages", "delete_page", "whoami"]
        assert await text_of(found, "delete_page", name="home") == "home was deleted for ada"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_scopes_and_keys_that_end_during_a_session_count_from_the_next_call(place: Place, mode: str) -> None:
    endpoint, tk = place
    issued = issue(tk, "read:pages", "write:pages")

    @over(endpoint, issued.secret, mode)
    async def _(found: Client) -> None:
        assert await text_of(found, "delete_page", name="home")
        await asyncio.to_thread(tk.keys.update, issued.key.id, scopes=["use:mcp", "read:pages"])
        assert await names(found) == READS
        with pytest.raises(MCPError, match="no tool that your credential may call"):
            await found.call_tool("delete_page", {"name": "home"})
        await asyncio.to_thread(tk.keys.revoke, issued.key.id)
        with pytest.raises(MCPError, match="revoked"):
            await found.call_tool("whoami", {})


def test_an_expired_key_is_refused(place: Place) -> None:
    endpoint, tk = place
    issued = issue(tk, expires_in=timedelta(seconds=1))
    until(lambda: refusal(endpoint, issued.secret).status_code == 401)
    assert refusal(endpoint, issued.secret).json()["error"]["data"]["code"] == "expired"


def test_tokens_are_good_for_the_server_that_they_were_made_for(place: Place) -> None:
    endpoint, tk = place
    secret = issue(tk, "read:pages").secret
    for audience, is_refused in (("https://other.example.com/mcp", True), (RESOURCE, False)):
        token = tk.exchange(secret, audience=audience).access
        answer = refusal(endpoint, token)
        assert (answer.status_code == 401) is is_refused, answer.text
    tk.keys.revoke(tk.keys.find(secret).id)
    assert refusal(endpoint, token).status_code == 401


def test_a_key_without_the_scope_for_the_server_is_refused(place: Place) -> None:
    endpoint, tk = place
    answer = refusal(endpoint, tk.keys.issue("ada", name="none").secret)
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (403, "insufficient_scope")
    assert "www-authenticate" not in answer.headers


def test_a_session_belongs_to_the_key_that_opened_it(place: Place) -> None:
    endpoint, tk = place
    mine, other = issue(tk).secret, issue(tk).secret
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    fields = {"Accept": "application/json, text/event-stream"}
    opened = httpx2.post(endpoint, json=hello, headers={**fields, "Authorization": f"Bearer {mine}"}, timeout=60)
    fields["mcp-session-id"] = opened.headers["mcp-session-id"]
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    for key, status in ((other, 404), (mine, 200)):
        answer = httpx2.post(endpoint, json=ping, headers={**fields, "Authorization": f"Bearer {key}"}, timeout=60)
        assert answer.status_code == status


def test_the_challenge_of_a_server_for_keys_names_no_scheme_that_starts_oauth(place: Place) -> None:
    endpoint, _ = place
    for answer in (httpx2.post(endpoint, json={}, timeout=60), refusal(endpoint, "tk_live_nonsense")):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'ApiKey realm="mcp"')
    for document in ("oauth-protected-resource/mcp", "oauth-protected-resource", "oauth-authorization-server"):
        answer = httpx2.get(endpoint.replace("/mcp", f"/.well-known/{document}"), timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


KINDS = pytest.mark.parametrize("kind", ["sdk", "fastmcp"])
SERVERS = ["https://auth.example.com"]
METADATA = "/.well-known/oauth-protected-resource/mcp"


@contextmanager
def asking(kind: str, directory: Path, **settings: Any) -> Iterator[tuple[TestClient, Tokenry]]:
    tk = AsyncTokenry(f"sqlite:///{directory / 'keys.db'}")
    app = MCPTokenry(tk, **settings).app(server_of(kind))
    tk._sync.owners.put("ada")
    yield TestClient(app, base_url="http://127.0.0.1:8000"), tk._sync
    tk._sync.close()


@KINDS
def test_with_authorization_servers_clients_are_sent_to_oauth(kind: str, tmp_path: Path) -> None:
    settings = {"resource": RESOURCE, "authorization_servers": SERVERS, "scopes": "use:mcp", "tools": TOOLS}
    with asking(kind, tmp_path, **settings) as (http, tk):
        challenge = (
            'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="use:mcp"'
        )
        assert http.post("/mcp").headers["www-authenticate"] == f"Bearer {challenge}"
        bad = http.post("/mcp", headers={"Authorization": "Bearer nonsense"})
        assert bad.headers["www-authenticate"] == f'Bearer error="invalid_token", {challenge}'
        poor = {"Authorization": f"Bearer {tk.keys.issue('ada', name='poor').secret}"}
        answer = http.post("/mcp", headers=poor)
        assert answer.status_code == 403
        assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", {challenge}'
        answer = http.get(METADATA)
        assert answer.json() == {
            "resource": RESOURCE,
            "authorization_servers": SERVERS,
            "scopes_supported": ["use:mcp", "read:pages", "write:pages"],
            "bearer_methods_supported": ["header"],
        }
        assert answer.headers["access-control-allow-origin"] == "*"
        # As the SDK's client reads both.
        ProtectedResourceMetadata.model_validate_json(answer.content)
        challenged = httpx2.Response(401, headers=dict(bad.headers))
        assert extract_resource_metadata_from_www_auth(challenged) == f"https://mcp.example.com{METADATA}"
        assert extract_scope_from_www_auth(challenged) == "use:mcp"


@KINDS
def test_a_challenge_can_be_written_out(kind: str, tmp_path: Path) -> None:
    with asking(kind, tmp_path, challenge='Basic realm="x"') as (http, _):
        assert http.post("/mcp").headers["www-authenticate"] == 'Basic realm="x"'


def test_settings_that_contradict_each_other_are_refused() -> None:
    with Tokenry("sqlite://") as sync, pytest.raises(ConfigError, match="AsyncTokenry or an AsyncClient"):
        MCPTokenry(sync)  # type: ignore[arg-type]
    tk = AsyncTokenry("sqlite://")
    for wrong, words in (
        ({"authorization_servers": SERVERS}, "need resource="),
        ({"resource": "mcp.example.com"}, "must be a URL"),
        ({"challenge": "a\r\nb"}, "cannot be the value"),
    ):
        with pytest.raises(ConfigError, match=words):
            MCPTokenry(tk, **wrong)  # type: ignore[arg-type]
    tk._sync.close()


@KINDS
def test_a_client_that_sends_no_request_may_call_nothing(kind: str, tmp_path: Path) -> None:
    """As on stdio, or in the memory of one process."""

    async def run() -> None:
        async with AsyncTokenry(f"sqlite:///{tmp_path / 'keys.db'}") as tk:
            server = server_of(kind)
            MCPTokenry(tk).app(server)
            async with Client(server if kind == "sdk" else server._mcp_server) as found:
                assert await names(found) == []
                with pytest.raises(MCPError):
                    await found.call_tool("whoami", {})

    asyncio.run(run())


@KINDS
def test_a_web_socket_of_the_host_is_not_let_in_without_a_credential(kind: str, tmp_path: Path) -> None:
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    tk = AsyncTokenry(f"sqlite:///{tmp_path / 'keys.db'}")
    app = MCPTokenry(tk, public=["/open"]).app(server_of(kind))
    app.router.routes += [WebSocketRoute("/closed", echo), WebSocketRoute("/open", echo)]
    client = TestClient(app)
    with client.websocket_connect("/open"):
        pass
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/closed"):
        pass
    tk._sync.close()


def test_the_sdk_may_verify_by_its_own_settings(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncTokenry(f"sqlite:///{tmp_path / 'keys.db'}") as tk:
            await tk.owners.put("ada")
            issued = await tk.keys.issue("ada", name="k", scopes=["a:b"])
            auth = MCPTokenry(tk, scopes="a:b")
            found = await auth.verify_token(str(issued.secret))
            assert found is not None
            assert (found.client_id, found.subject, found.scopes) == (issued.key.id, "ada", ["a:b"])
            assert str(issued.secret) not in repr(found)
            await tk.keys.revoke(issued.key.id)
            assert await auth.verify_token(str(issued.secret)) is None

    asyncio.run(run())


def test_outside_of_a_call_there_is_no_credential() -> None:
    with pytest.raises(LookupError, match="behind MCPTokenry"):
        current_credential()
