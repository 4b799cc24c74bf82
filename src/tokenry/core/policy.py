"""What an installation decides about its sessions and access tokens. `tokenry.config` reads it from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

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


ACCESS_LIFE_LEAST = 10 * SECOND
ACCESS_LIFE_MOST = 86_400 * SECOND
