"""The last refusals of each key: the question, the answer, and the address. No credential is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from .codes import CHECKS
from .verdict import Check

KEPT: Final = 20
"""So many refusals are kept of each key."""
SCOPES_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One verification that was refused.

    `scopes` are those that were asked for, the first 20. `request_id` is that of the HTTP request, if there was one.
    """

    id: str
    key: str
    owner: str
    code: str
    at: datetime
    ip: str | None
    scopes: tuple[str, ...]
    request_id: str | None
    checks: tuple[Check, ...] = ()
    """The checks, in order, up to the one that failed; a list of refusals leaves them out."""


class NotedRefusal(NamedTuple):
    """A refusal of a secret, as a process notes it."""

    kid: str
    at: int
    code: str
    ip: str | None
    scopes: tuple[str, ...]
    request_id: str | None


def checks_before(code: str) -> tuple[Check, ...]:
    """Return every check in its order: those before the one that failed have passed, those behind were not made."""
    if code not in CHECKS:
        return ()
    place = CHECKS.index(code)
    return tuple(
        Check(one, True if number < place else False if number == place else None) for number, one in enumerate(CHECKS)
    )
