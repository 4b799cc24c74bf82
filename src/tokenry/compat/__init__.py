"""The interfaces of older systems on the engine of Tokenry: a program migrates by changing an import.

from tokenry.compat import ApiTokenService, TokenSchema
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api_tokens import ApiToken as ApiToken
    from .api_tokens import ApiTokenService as ApiTokenService
    from .token_schema import TokenSchema as TokenSchema

_HOMES = {"ApiToken": "api_tokens", "ApiTokenService": "api_tokens", "TokenSchema": "token_schema"}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Import an interface at its first use: each one needs a different framework."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tokenry.compat' has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
