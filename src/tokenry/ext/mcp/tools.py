"""Admission to tools. A tool that the caller may not use is neither listed nor called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from tokenry.edge import Ask, meets, read_ask
from tokenry.types import AnyValid, ScopesAsked, shown

_current: ContextVar[AnyValid | None] = ContextVar("tokenry_mcp_credential", default=None)


def current_credential() -> AnyValid:
    """Return the verdict of the credential that calls the current tool; raise LookupError outside of a call."""
    found = _current.get()
    if found is None:
        raise LookupError("no credential: current_credential() is for tools of a server behind MCPTokenry")
    return found


class Tools:
    """The requirements of the tools; also the middleware of the SDK's servers."""

    def __init__(self, tools: Mapping[str, ScopesAsked | None] | None) -> None:
        self._asks: dict[str, Ask] | None = None
        self.scopes: tuple[str, ...] = ()
        if tools is not None:
            self._asks = {name: read_ask(scopes, None, 1, None, None, None) for name, scopes in tools.items()}
            self.scopes = tuple(name for ask in self._asks.values() for name in _named(ask))

    async def __call__(self, ctx: Any, call_next: Any) -> Any:
        """Handle one message of a client of the SDK's server."""
        verdict = credential_of(ctx.request)
        if ctx.method == "tools/call":
            self.check(verdict, (ctx.params or {}).get("name"))
        with calling(verdict):
            result = await call_next(ctx)
        if ctx.method != "tools/list":
            return result
        outcome = (
            result if isinstance(result, dict) else result.model_dump(by_alias=True, mode="json", exclude_none=True)
        )
        tools = [one for one in outcome["tools"] if self.allows(verdict, one["name"])]
        # A cache that callers share must not answer one of them with the list of another.
        return {**outcome, "tools": tools, **({"cacheScope": "private"} if "cacheScope" in outcome else {})}

    def allows(self, verdict: AnyValid | None, name: object) -> bool:
        """Tell whether a caller may use a tool; None, which stands for no credential, may use none."""
        if verdict is None:
            return False
        if self._asks is None:
            return True
        ask = self._asks.get(name) if isinstance(name, str) else None
        return ask is not None and meets(verdict, ask)

    def check(self, verdict: AnyValid | None, name: object) -> None:
        """Raise MCPError for a tool that a caller may not use, in the same words for one that does not exist."""
        if not self.allows(verdict, name):
            message = f"{shown(str(name))} is no tool that your credential may call: list the tools to see those it may"
            raise MCPError(code=INVALID_PARAMS, message=message)


def credential_of(request: Any) -> AnyValid | None:
    """Return the verdict that the request of a message was let in with; None where no request carries it (stdio)."""
    found: AnyValid | None = None if request is None else request.scope.get("tokenry")
    return found


@contextmanager
def calling(verdict: AnyValid | None) -> Iterator[None]:
    """Let `current_credential` return a verdict for the time of a block."""
    reset = _current.set(verdict)
    try:
        yield
    finally:
        _current.reset(reset)


def _named(ask: Ask) -> tuple[str, ...]:
    return tuple(ask.requirement.names()) if ask.requirement is not None else ()
