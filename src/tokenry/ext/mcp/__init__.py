"""MCP servers behind keys, written with the official Python SDK or with FastMCP.

auth = MCPTokenry(AsyncTokenry("sqlite:///keys.db"), tools={"list_pages": "read:pages", "delete_page": "write:pages"})
app = auth.app(server)

A caller sees and calls the tools that its credential has the scopes for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Unpack

from ..extras import missing

try:
    from mcp.server.auth.provider import AccessToken
    from starlette.applications import Starlette
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[mcp]") from None

from tokenry import AsyncTokenry
from tokenry.client import AsyncClient
from tokenry.types import ConfigError, Kind, ScopesAsked

from .. import steps
from ..guard import ALL, Asked, Guard
from ..options import OptionsGiven, read_options
from .challenges import Challenges
from .guarding import Guarded, access_token
from .tools import Tools, current_credential

__all__ = ["MCPTokenry", "current_credential"]


class MCPTokenry:
    """Puts keys and sessions in front of an MCP server."""

    def __init__(
        self,
        tk: AsyncTokenry | AsyncClient,
        *,
        scopes: ScopesAsked | None = None,
        tools: Mapping[str, ScopesAsked | None] | None = None,
        kinds: tuple[Kind, ...] = ALL,
        resource: str | None = None,
        authorization_servers: Collection[str] = (),
        challenge: str | None = None,
        public: Collection[str] = (),
        options: OptionsGiven | None = None,
        **asked: Unpack[Asked],
    ) -> None:
        """Store the requirement of every request (`scopes`), and further requirements of each tool (`tools`).

        With `tools`, a tool that the mapping does not name is hidden and refused; None stands for no further scope.
        `tk` verifies in this process, or asks a server (`AsyncClient`). `resource` is the URL of the MCP endpoint, and
        the audience that tokens have to be made for. `authorization_servers` send clients to OAuth (RFC 9728). Without
        them the challenge names no Bearer scheme, because clients answer that with OAuth. `challenge` replaces the
        value of `WWW-Authenticate`. `public` are paths that need no credential, such as `/health`.
        """
        if not isinstance(tk, (AsyncTokenry, AsyncClient)):
            raise ConfigError("MCPTokenry takes an AsyncTokenry or an AsyncClient, which never block the event loop")
        if resource is not None:
            asked.setdefault("audience", resource)
        self._guard = Guard(read_options(options or {}))
        self._need = self._guard.need(scopes, kinds, **asked)
        self._tools = Tools(tools)
        self._challenges = Challenges(resource, tuple(authorization_servers), challenge, self._scopes())
        self._verify, self._recall = steps.when_known(tk), steps.recalling(tk)
        self._public = frozenset(public)

    def app(self, server: Any, **options: Any) -> Starlette:
        """Return the streamable HTTP application of a server; `options` go to the SDK or to FastMCP.

        `server` is an `MCPServer` or a low-level `Server` of the SDK, or a `FastMCP`.
        """
        if hasattr(server, "http_app"):
            from .fast import ToolScopes

            server.add_middleware(ToolScopes(self._tools))
            app: Starlette = server.http_app(**options)
        else:
            server.middleware.append(self._tools)
            app = server.streamable_http_app(**options)
        app.add_middleware(
            Guarded,
            guard=self._guard,
            need=self._need,
            recall=self._recall,
            verify=self._verify,
            challenges=self._challenges,
            public=self._public,
        )
        return app

    async def verify_token(self, token: str) -> AccessToken | None:
        """Verify a token for the SDK's own settings: `MCPServer(token_verifier=auth, auth=AuthSettings(…))`.

        The SDK passes no address, so that keys with an address list are refused, and knows nothing of `tools`.
        """
        found = self._verify(token, None, self._need)
        verdict = await found if hasattr(found, "__await__") else found
        return access_token(verdict) if verdict and self._need.accepts(verdict) else None

    def _scopes(self) -> tuple[str, ...]:
        """Return every scope that a caller may need, for the metadata."""
        return tuple(dict.fromkeys((*self._need.scopes, *self._tools.scopes)))
