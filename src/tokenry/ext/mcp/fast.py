"""The same rules as a middleware of FastMCP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastmcp.server.dependencies import get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool

from tokenry.types import AnyValid

from .tools import Tools, calling, credential_of


class ToolScopes(Middleware):
    """Hides and refuses the tools that a caller's credential has no scopes for."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Name the caller of whatever runs for this message."""
        with calling(_caller()):
            return await call_next(context)

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Sequence[Tool]:
        """List the tools that the caller may call."""
        verdict = _caller()
        return [one for one in await call_next(context) if self._tools.allows(verdict, one.name)]

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Refuse a tool that the caller may not call."""
        self._tools.check(_caller(), context.message.name)
        return await call_next(context)


def _caller() -> AnyValid | None:
    try:
        return credential_of(get_http_request())
    except RuntimeError:  # stdio and in-memory clients send no HTTP request
        return None
