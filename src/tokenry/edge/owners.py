"""Calls that are made for an owner who is signed in elsewhere: at a host, or by a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..aio import AsyncTokenry
from ..core.key_page import KeyPageSettings
from ..core.model import NOT_GIVEN
from ..groups import Groups
from ..service.acting import AsOwner
from ..service.key_page import settings_of
from ..service.roles import offered
from ..tokenry import Tokenry


def run_with(tk: Tokenry | AsyncTokenry, call: Callable[[Tokenry], Any]) -> Any:
    """Return the result of `call` for an engine; with an `AsyncTokenry` return an awaitable of the result."""
    return tk._call(call, tk._sync) if isinstance(tk, AsyncTokenry) else call(tk)


def scopes_offered(groups: Groups) -> tuple[str, ...]:
    """Return the scopes that the actor of `groups.scoped(by=…)` may give to a key."""
    return offered(groups._context)


def key_page_of(groups: Groups) -> KeyPageSettings:
    """Return the settings of the key page of the tenant that `groups` are about."""
    context = groups._context
    with context.reading(context.tenant, NOT_GIVEN) as scene:
        return settings_of(scene.rows, scene.tenant)


def tenant_of(groups: Groups) -> str:
    """Return the tenant that calls are about which name none."""
    return groups._context.tenant


__all__ = ["AsOwner", "key_page_of", "run_with", "scopes_offered", "tenant_of"]
