"""Handlers and applications of aiohttp behind keys and sessions, over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tokenry import AsyncTokenry, Tokenry
from tokenry.ext.aiohttp import AiohttpTokenry, credential
from tokenry.types import ConfigError, Limit

Http = TestClient[Any, Any]


def who(request: web.Request) -> web.Response:
    found = request[credential]
    return web.json_response(None if found is None else [found.kind, found.owner.external_id])


async def handler(request: web.Request) -> web.Response:
    return who(request)


async def socket(request: web.Request) -> web.WebSocketResponse:
    found = web.WebSocketResponse()
    await found.prepare(request)
    await found.send_str(request[credential].owner.external_id)
    await found.close()
    return found


def over(directory: Path, use: Callable[[Http, AsyncTokenry], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with AsyncTokenry(f"sqlite:///{directory / 'keys.db'}") as tk:
            await tk.owners.put("ada")
            auth = AiohttpTokenry(tk, **options)
            app, inner = web.Application(), web.Application(middlewares=[auth.middleware("a:b")])
            inner.router.add_get("/all", handler)
            app.router.add_get("/key", auth.key_required("a:b")(handler))
            app.router.add_post("/session", auth.session_required()(handler))
            app.router.add_get("/any", auth.credential_required(optional=True)(handler))
            app.router.add_get("/socket", auth.credential_required()(socket))
            app.add_subapp("/inner", inner)
            async with TestClient(TestServer(app)) as http:
                await use(http, tk)

    asyncio.run(run())


async def ask(http: Http, path: str, key: object = None, method: str = "GET", **fields: str) -> tuple[int, Any]:
    headers = {**fields, **({} if key is None else {"Authorization": f"Bearer {key}"})}
    answer = await http.request(method, path, headers=headers)
    found = await answer.json(content_type=None)
    return answer.status, found["code"] if isinstance(found, dict) else found


def test_handlers_let_in_what_they_say(tmp_path: Path) -> None:
    async def use(http: Http, tk: AsyncTokenry) -> None:
        key = (await tk.keys.issue("ada", name="k", scopes=["a:b"], limits=[Limit("m", 50, 60)])).secret
        poor = (await tk.keys.issue("ada", name="poor")).secret
        access = (await tk.sessions.start("ada")).access
        for path in ("/key", "/inner/all"):
            assert await ask(http, path, key) == (200, ["key", "ada"])
            assert await ask(http, path, poor) == (403, "insufficient_scope")
            assert await ask(http, path) == (401, "credential_missing")
            assert await ask(http, path, key, **{"X-API-Key": str(poor)}) == (400, "credential_ambiguous")
        assert await ask(http, "/session", access, "POST") == (200, ["session", "ada"])
        assert await ask(http, "/session", key, "POST") == (403, "wrong_kind")
        assert await ask(http, "/any") == (200, None)
        assert await ask(http, "/any", "nonsense") == (401, "malformed")
        assert "m" in (await http.get("/key", headers={"X-API-Key": str(key)})).headers["RateLimit"]
        async with http.ws_connect("/socket", headers={"X-API-Key": str(key)}) as opened:
            assert await opened.receive_str() == "ada"
        await tk.keys.revoke((await tk.keys.find(key)).id)
        assert await ask(http, "/key", key) == (401, "revoked")

    over(tmp_path, use)


def test_a_cookie_counts_for_its_own_site_only(tmp_path: Path) -> None:
    async def use(http: Http, tk: AsyncTokenry) -> None:
        cookie = {"Cookie": f"__Host-tokenry_access={(await tk.sessions.start('ada')).access}"}
        assert await ask(http, "/any", **cookie) == (200, ["session", "ada"])
        assert await ask(http, "/session", None, "POST", **cookie) == (403, "cross_site")
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        assert await ask(http, "/socket", **cookie, **upgrade) == (403, "cross_site")
        same = {"Sec-Fetch-Site": "same-origin"}
        assert await ask(http, "/session", None, "POST", **cookie, **same) == (200, ["session", "ada"])

    over(tmp_path, use)


def test_addresses_are_those_of_clients(tmp_path: Path) -> None:
    async def use(http: Http, tk: AsyncTokenry) -> None:
        key = (await tk.keys.issue("ada", name="k", scopes=["a:b"], allowed_ips=["203.0.113.7"])).secret
        assert await ask(http, "/key", key) == (403, "ip_not_allowed")
        assert await ask(http, "/key", key, **{"X-Forwarded-For": "203.0.113.7"}) == (200, ["key", "ada"])

    over(tmp_path, use, trusted_proxies=["127.0.0.0/8"])


def test_an_engine_that_blocks_is_refused() -> None:
    with Tokenry("sqlite://") as tk, pytest.raises(ConfigError, match="AsyncTokenry or an AsyncClient"):
        AiohttpTokenry(tk)  # type: ignore[arg-type]
