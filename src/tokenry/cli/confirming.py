"""The tokens that stand between what would happen and what happens."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tokenry.types import Conflict

SECONDS: Final = 300
_PENDING_MAX: Final = 100


class _Pending(NamedTuple):
    what: str
    until: float


class Confirmations:
    """Tokens that are valid once, for five minutes, for one tool with exactly one set of arguments."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: dict[str, _Pending] = {}

    def make(self, tool: str, arguments: dict[str, Any]) -> str:
        """Return a new token. The oldest of too many is forgotten."""
        while len(self._pending) >= _PENDING_MAX:
            del self._pending[next(iter(self._pending))]
        token = secrets.token_urlsafe(16)
        self._pending[token] = _Pending(_what(tool, arguments), self._clock() + SECONDS)
        return token

    def use(self, token: object, tool: str, arguments: dict[str, Any]) -> None:
        """Take a token; raise Conflict for one that is not of this call. It is used up either way."""
        found = self._pending.pop(token, None) if isinstance(token, str) else None
        again = "nothing was changed. To begin anew, call without it"
        if found is None:
            raise Conflict(f"this confirmation is unknown or was used already; {again}")
        if self._clock() >= found.until:
            raise Conflict(f"this confirmation is older than {SECONDS // 60} minutes; {again}")
        if found.what != _what(tool, arguments):
            raise Conflict(f"this confirmation was made for another tool or other arguments; {again}")


def _what(tool: str, arguments: dict[str, Any]) -> str:
    return json.dumps([tool, arguments], sort_keys=True)
