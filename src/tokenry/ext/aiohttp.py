"""aiohttp: decorators for handlers and a middleware for applications that let keys and sessions in.

auth = AiohttpTokenry(AsyncTokenry("sqlite:///keys.db"))

@routes.get("/api/projects")
@auth.key_required("read:projects")
async def projects(request):
    return web.json_response({"owner": request[credential].owner.external_id})
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, TypeAlias, Unpack, cast

from .extras import missing

try:
    from aiohttp import web
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[aiohttp]") from None

from tokenry import AsyncTokenry
from tokenry.client import AsyncClient
from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, ConfigError, Kind, ScopesAsked

from . import steps
from .answers import limits_of
from .facts import of_scope, seen_in_scope
from .guard import ALL, KEYS, SESSIONS, Asked, Guard, Need
from .options import OptionsGiven, read_options

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
credential: Final[web.RequestKey[AnyValid]] = web.RequestKey("tokenry")
"""The verdict of a request: `request[credential]`; None if no credential came and none is needed."""


class AiohttpTokenry:
    """Tokenry in an aiohttp application. An admitted request has its verdict in `request[credential]`."""

    def __init__(self, tk: AsyncTokenry | AsyncClient, **options: Unpack[OptionsGiven]) -> None:
        """Verify in this process, or with an `AsyncClient` at a server."""
        if not isinstance(tk, (AsyncTokenry, AsyncClient)):
            raise ConfigError("this takes an AsyncTokenry or an AsyncClient, which never block the event loop")
        self._guard = Guard(read_options(options))
        self._recall, self._verify = steps.recalling(tk), steps.when_known(tk)

    def key_required(self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]) -> Callable[[Handler], Handler]:
        """Let only keys, and tokens that were derived from one, into a handler."""
        return self._required(self._guard.need(scopes, KEYS, **asked), optional=False)

    def session_required(
        self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]
    ) -> Callable[[Handler], Handler]:
        """Let only signed-in users into a handler."""
        return self._required(self._guard.need(scopes, SESSIONS, **asked), optional=False)

    def credential_required(
        self, scopes: ScopesAsked | None = None, *, optional: bool = False, **asked: Unpack[Asked]
    ) -> Callable[[Handler], Handler]:
        """Let any credential into a handler; with `optional` also a request without one, with None as its verdict."""
        return self._required(self._guard.need(scopes, ALL, **asked), optional=optional)

    def middleware(
        self,
        scopes: ScopesAsked | None = None,
        *,
        kinds: tuple[Kind, ...] = ALL,
        optional: bool = False,
        **asked: Unpack[Asked],
    ) -> Any:
        """Return a middleware that guards a whole application: `web.Application(middlewares=[auth.middleware(…)])`."""
        need = self._guard.need(scopes, kinds, **asked)

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler, need, optional)

        return guarded

    def _required(self, need: Need, *, optional: bool) -> Callable[[Handler], Handler]:
        def wrap(handler: Handler) -> Handler:
            @wraps(handler)
            async def guarded(request: web.Request) -> web.StreamResponse:
                return await self._answer(request, handler, need, optional)

            return guarded

        return wrap

    async def _answer(self, request: web.Request, handler: Handler, need: Need, optional: bool) -> web.StreamResponse:
        scope = _scope(request)
        found = self._guard.recalled(self._recall, seen_in_scope(scope), need)
        if found is None:
            admitting = steps.admit(self._verify, self._guard, of_scope(scope), need, optional=optional)
            found = await steps.run_async(admitting)
        if isinstance(found, Problem):
            return web.Response(status=found.status, body=found.body(), headers=found.fields())
        request[credential] = cast(AnyValid, found)
        response = await handler(request)
        if found is not None and not response.prepared:
            response.headers.extend(limits_of(found))
        return response


def _scope(request: web.Request) -> dict[str, Any]:
    """Return a request as an ASGI server describes it, which is how the guard reads requests."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
    return {
        "type": "websocket" if is_socket else "http",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": peer if isinstance(peer, tuple) else None,
        "scheme": request.scheme,
    }
