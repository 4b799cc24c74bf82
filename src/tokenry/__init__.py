"""API keys and sessions: minted, checked and revoked by one engine, as a library and as a server.

from tokenry import Tokenry

tk = Tokenry("sqlite:///keys.db")
tk.owners.put("user-42")
issued = tk.keys.issue("user-42", name="CI", scopes=["read:projects"])
verdict = tk.verify(str(issued.secret), scopes=["read:projects"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncTokenry as AsyncTokenry
    from .config import Settings as Settings
    from .core.credits import Credits as Credits
    from .core.errors import ConfigError as ConfigError
    from .core.errors import Conflict as Conflict
    from .core.errors import Denied as Denied
    from .core.errors import Invalid as Invalid
    from .core.errors import NotAllowed as NotAllowed
    from .core.errors import NotFound as NotFound
    from .core.errors import StoreUnavailable as StoreUnavailable
    from .core.errors import TokenryError as TokenryError
    from .core.limits import Limit as Limit
    from .core.verdict import KeyValid as KeyValid
    from .core.verdict import Refused as Refused
    from .core.verdict import SessionValid as SessionValid
    from .core.verdict import TokenValid as TokenValid
    from .core.verdict import Valid as Valid
    from .core.verdict import Verdict as Verdict
    from .tokenry import Tokenry as Tokenry

__version__ = "1.0.0rc1"

_HOMES = {
    "AsyncTokenry": "aio",
    "ConfigError": "core.errors",
    "Conflict": "core.errors",
    "Credits": "core.credits",
    "Denied": "core.errors",
    "Invalid": "core.errors",
    "KeyValid": "core.verdict",
    "Limit": "core.limits",
    "NotAllowed": "core.errors",
    "NotFound": "core.errors",
    "Refused": "core.verdict",
    "SessionValid": "core.verdict",
    "Settings": "config",
    "StoreUnavailable": "core.errors",
    "TokenValid": "core.verdict",
    "Tokenry": "tokenry",
    "TokenryError": "core.errors",
    "Valid": "core.verdict",
    "Verdict": "core.verdict",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import tokenry` alone costs next to nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tokenry' has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
