"""Verdicts out of the server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..core.limits import LimitState
from ..core.model import Key, Owner, Session, Tenant
from ..core.verdict import Refused, Valid, Verdict
from ..operations.answers import TENANT


class RemoteValid(Valid):
    """A `Valid` that a server told of, whole or not at all."""

    __slots__ = ("_claims", "_key", "_limits", "_owner", "_scopes", "_session", "_tenant", "kind")

    def __init__(self, told: dict[str, Any]) -> None:
        self.kind = told["kind"]
        self._session = msgspec.convert(told["session"], Session) if told["session"] is not None else None
        self._key = msgspec.convert(told["key"], Key) if told["key"] is not None else None
        self._owner = msgspec.convert(told["owner"], Owner)
        self._tenant = TENANT.read(told["tenant"])
        self._scopes = msgspec.convert(told["scopes"], tuple[str, ...])
        self._claims = msgspec.convert(told.get("claims", {}), dict[str, Any])  # which an older server does not tell
        self._limits = msgspec.convert(told["limits"], tuple[LimitState, ...])

    def __repr__(self) -> str:
        key = self._key.id if self._key else None
        return f"Valid(key={key!r}, owner={self._owner.external_id!r}, tenant={self._tenant.slug!r})"

    @property
    def key(self) -> Key | None:
        """The key as the server knew it; None for a session."""
        return self._key

    @property
    def session(self) -> Session | None:
        """The session as the server knew it; None for a key."""
        return self._session

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that a token says; a key says nothing."""
        return self._claims

    @property
    def owner(self) -> Owner:
        """The owner of the key."""
        return self._owner

    @property
    def tenant(self) -> Tenant:
        """The tenant of the key."""
        return self._tenant

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the credential holds."""
        return self._scopes

    @property
    def limits(self) -> tuple[LimitState, ...]:
        """How the limits stand after this verification."""
        return self._limits


def verdict(found: Any) -> Verdict:
    """Read a verdict."""
    if found["valid"] is True:
        return RemoteValid(found)
    if found["valid"] is not False:
        raise ValueError("neither valid nor refused")
    return msgspec.convert({name: found[name] for name in ("code", "retry_after", "limits") if name in found}, Refused)
