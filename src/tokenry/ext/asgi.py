"""Any ASGI application behind keys and sessions: wrap the whole of it, a mount, or one route of Starlette.

    app = TokenryMiddleware(app, AsyncTokenry("sqlite:///keys.db"), scopes="read:projects")

An admitted request has its verdict in `scope["tokenry"]`.
"""

from __future__ import annotations

from typing import Unpack

from tokenry import AsyncTokenry
from tokenry.edge.asgi import POLICY_VIOLATION, App, Message, Receive, Scope, Send, raw, respond
from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, ConfigError, Kind, ScopesAsked

from . import steps
from .answers import limits_of
from .facts import of_scope, seen_in_scope
from .guard import ALL, Asked, Guard
from .options import OptionsGiven, read_options


class TokenryMiddleware:
    """Lets in requests and WebSockets with a sufficient credential."""

    def __init__(
        self,
        app: App,
        tk: AsyncTokenry,
        *,
        scopes: ScopesAsked | None = None,
        kinds: tuple[Kind, ...] = ALL,
        optional: bool = False,
        options: OptionsGiven | None = None,
        **asked: Unpack[Asked],
    ) -> None:
        """Store the requirement; `optional` admits a request without a credential, with None as its verdict."""
        if not isinstance(tk, AsyncTokenry):
            raise ConfigError("this middleware takes an AsyncTokenry, which never blocks the event loop")
        self._app = app
        self._recall, self._verify = steps.recalling(tk), steps.when_known(tk)
        self._guard = Guard(read_options(options or {}))
        self._need = self._guard.need(scopes, kinds, **asked)
        self._optional = optional

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        guard, need = self._guard, self._need
        found = guard.recalled(self._recall, seen_in_scope(scope), need)
        if found is None:
            admitting = steps.admit(self._verify, guard, of_scope(scope), need, optional=self._optional)
            found = await steps.run_async(admitting)
        if isinstance(found, Problem):
            return await _refuse(scope, receive, send, found)
        scope["tokenry"] = found
        return await self._app(scope, receive, telling(send, found))


def telling(send: Send, verdict: AnyValid | None) -> Send:
    """Return a `send` that adds the header fields of the credential's limits to an answer."""
    fields = raw(limits_of(verdict)) if verdict is not None else []
    if not fields:
        return send

    async def send_with_fields(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *fields]}
        await send(message)

    return send_with_fields


async def _refuse(scope: Scope, receive: Receive, send: Send, found: Problem) -> None:
    """Answer with a problem; a WebSocket is answered on HTTP where the server can, and closed before it opens else."""
    begin = "http.response"
    if scope["type"] == "websocket":
        await receive()  # its `websocket.connect`
        if "websocket.http.response" not in scope.get("extensions", {}):
            return await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": found.code})
        begin = "websocket.http.response"
    is_head = scope.get("method") == "HEAD"
    await respond(send, found.status, found.body(), raw(found.fields()), is_head=is_head, begin=begin)
