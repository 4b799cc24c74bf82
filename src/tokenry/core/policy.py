"""The settings of an installation for sessions and access tokens, and the retention of ended rows.

`tokenry.config` reads it from the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from .refresh import Rules

SECOND = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """Lengths are microseconds."""

    issuer: str
    access_life: int
    rules: Rules
    one_session: bool
    bind_access: bool
    algorithm: str
    shared_secret: bytes = field(repr=False)
    signing_key_life: int

    def issuer_of(self, tenant: str) -> str:
        """Return the issuer of a tenant's tokens."""
        return f"{self.issuer}/t/{tenant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long rows are kept once they are over. Usage is kept by the hour first, and then by the day."""

    events: timedelta = timedelta(days=90)
    deliveries: timedelta = timedelta(days=7)
    usage_hours: timedelta = timedelta(days=35)
    usage: timedelta = timedelta(days=800)
    sessions: timedelta = timedelta(days=30)
    keys: timedelta = timedelta(days=400)
    audit: timedelta = timedelta(days=730)


ACCESS_LIFE_LEAST = 10 * SECOND
ACCESS_LIFE_MOST = 86_400 * SECOND
