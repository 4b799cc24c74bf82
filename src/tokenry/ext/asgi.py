"""Any ASGI application behind keys and sessions: wrap the whole of it, a mount, or one route of Starlette.

    app = TokenryMiddleware(app, AsyncTokenry("sqlite:///keys.db"), scopes="read:projects")

What it lets in finds its verdict in `scope["tokenry"]`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from tokenry import AsyncTokenry
from tokenry.types import ConfigError

from . import steps
from .answers import Problem, limits_of
from .facts import of_scope
from .guard import ALL, Guard, Kind
from .options import read_options

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_POLICY_VIOLATION = 1008


class TokenryMiddleware:
    """Lets requests and WebSockets in whose credential will do."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        tk: AsyncTokenry,
        *,
        scopes: Any = None,
        kinds: tuple[Kind, ...] = ALL,
        optional: bool = False,
        options: dict[str, Any] | None = None,
        **asked: Any,
    ) -> None:
        """Take what every request needs; with `optional` who brings nothing is let in with None as the verdict."""
        if not isinstance(tk, AsyncTokenry):
            raise ConfigError("this middleware takes an AsyncTokenry, which never blocks the event loop")
        self._app = app
        self._verify = steps.when_known(tk)
        self._guard = Guard(read_options(options or {}))
        self._need = self._guard.need(scopes, kinds, **asked)
        self._optional = optional

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        admitting = steps.admit(self._verify, self._guard, of_scope(scope), self._need, optional=self._optional)
        found = await steps.run_async(admitting)
        if isinstance(found, Problem):
            return await _refuse(scope, receive, send, found)
        scope["tokenry"] = found
        fields = limits_of(found) if found is not None else []
        return await self._app(scope, receive, _telling(send, fields) if fields else send)


def _telling(send: Send, fields: list[tuple[str, str]]) -> Send:
    """Add the fields of limits to an answer."""
    raw = [(name.lower().encode(), value.encode()) for name, value in fields]

    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}
        await send(message)

    return told


async def _refuse(scope: Scope, receive: Receive, send: Send, found: Problem) -> None:
    """Answer with a problem; a WebSocket is answered on HTTP where the server can, and closed before it opens else."""
    begin = "http.response"
    if scope["type"] == "websocket":
        await receive()  # its `websocket.connect`
        if "websocket.http.response" not in scope.get("extensions", {}):
            return await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": found.code})
        begin = "websocket.http.response"
    body = found.body()
    fields = [*found.fields(), ("Content-Length", str(len(body)))]
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in fields]
    await send({"type": f"{begin}.start", "status": found.status, "headers": headers})
    await send({"type": f"{begin}.body", "body": b"" if scope.get("method") == "HEAD" else body})
