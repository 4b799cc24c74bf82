"""The life of a signing key: next, active, retiring, removed. It follows from times alone, so it needs no timer.

`next` is shown to verifiers before it signs anything, and `retiring` for as long as a token that it signed can live.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .model import SigningKeyStatus
from .policy import ACCESS_LIFE_MOST, SECOND

SHARED = "HS256"
RETIRING = ACCESS_LIFE_MOST + 3600 * SECOND
"""How long a key that no longer signs still verifies: longer than any token lives."""


@dataclass(frozen=True, slots=True)
class SigningRow:
    """A signing key at rest, encrypted under a generation of the keyring. Times are microseconds."""

    tenant_id: str
    kid: str
    algorithm: str
    sealed: bytes = field(repr=False)
    generation_id: str
    created_at: int
    active_at: int | None = None
    retired_at: int | None = None
    removed_at: int | None = None


def by_age(row: SigningRow) -> tuple[float, float, float, str]:
    """Return the sort key of signing keys: the oldest first, and of keys made together the most advanced one."""
    never = float("inf")
    active_at, retired_at = (never if at is None else at for at in (row.active_at, row.retired_at))
    return row.created_at, active_at, retired_at, row.kid


def status(row: SigningRow, now: int) -> SigningKeyStatus:
    """Return where a key is in its life."""
    if row.removed_at is not None and now >= row.removed_at:
        return "removed"
    if row.retired_at is not None and now >= row.retired_at:
        return "retiring"
    return "active" if row.active_at is not None and now >= row.active_at else "next"


def was_removed(row: SigningRow) -> bool:
    """Tell whether somebody removed a key, which lasts; time alone removes one later."""
    return row.removed_at is not None and row.removed_at < (row.retired_at or 0) + RETIRING


def verifies(row: SigningRow, now: int) -> bool:
    """Tell whether tokens of a key are good: also of the next one, which may sign elsewhere already."""
    return status(row, now) != "removed"


def is_shown(row: SigningRow, now: int) -> bool:
    """Tell whether a key stands in the JWKS: a shared secret never does."""
    return row.algorithm != SHARED and status(row, now) != "removed"


def signer(rows: Iterable[SigningRow], algorithm: str, now: int) -> SigningRow | None:
    """Return the key that signs now with an algorithm: the newest active one."""
    active = [row for row in rows if row.algorithm == algorithm and status(row, now) == "active"]
    return max(active, key=lambda row: (row.active_at or 0, row.kid), default=None)


def successor(rows: Iterable[SigningRow], algorithm: str, now: int) -> SigningRow | None:
    """Return the key that is to sign next with an algorithm."""
    coming = [row for row in rows if row.algorithm == algorithm and status(row, now) == "next"]
    return min(coming, key=lambda row: (row.created_at, row.kid), default=None)
