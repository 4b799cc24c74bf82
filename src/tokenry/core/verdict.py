"""The answer to a verification: `Valid` or `Refused`. A refusal is a value, falsy, with a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from .grant import Grant
from .limits import Limit, LimitState, state
from .model import Key, Owner, Session, Tenant

CODES: Final = {
    "malformed": "The credential is not one of ours: a typing error, a made-up key, or another kind of text.",
    "not_found": "The credential is unknown here.",
    "tenant_suspended": "The tenant of the credential is suspended.",
    "revoked": "The key was revoked, or the secret was replaced and its grace is over.",
    "disabled": "The key is switched off for now.",
    "not_yet_valid": "The key is not valid yet.",
    "expired": "The key has expired.",
    "owner_disabled": "The owner of the key is disabled.",
    "ip_not_allowed": "The key may not be used from this address, or the address is unknown and the key has a list.",
    "insufficient_scope": "The key does not hold the scopes that were asked for.",
    "rate_limited": "A limit of the key is used up; try again after `retry_after` seconds.",
}
"""Every code of a refusal, in the order of the checks, with what it means."""

Taken: TypeAlias = tuple[tuple[Limit, int, int], ...]
"""How every limit stood: the limit, its window, and what remained."""


class Valid:
    """A credential that holds, and who it is. Truthy; its `code` is `valid`."""

    __slots__ = ("_grant", "_taken")

    kind: Literal["key", "session", "token"] = "key"
    code: Final = "valid"
    online: bool = True

    def __init__(self, grant: Grant, taken: Taken = ()) -> None:
        self._grant = grant
        self._taken = taken

    def __bool__(self) -> Literal[True]:
        return True

    def __repr__(self) -> str:
        return f"Valid(key={self._grant.key_id!r}, owner={self._grant.external_id!r}, tenant={self._grant.tenant!r})"

    @property
    def key(self) -> Key | None:
        """The key as it was when the verdict's grant was read; None for a session."""
        return self._grant.key("active")

    @property
    def session(self) -> Session | None:
        """The session of an access token; None for a key, and for a token that was derived from one."""
        return None

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that a token says; a key says nothing."""
        return {}

    @property
    def expires_at(self) -> datetime | None:
        """When the credential ends: the earliest end of its key, secret, session and token. None for never."""
        key, session, token = self.key, self.session, self.claims.get("exp")
        ends = [] if key is None else [key.expires_at, *(secret.ends_at for secret in key.secrets)]
        ends += [] if session is None else [session.expires_at]
        ends += [] if token is None else [datetime.fromtimestamp(token, UTC)]
        return min((end for end in ends if end is not None), default=None)

    @property
    def owner(self) -> Owner:
        """The owner of the key."""
        return self._grant.owner()

    @property
    def tenant(self) -> Tenant:
        """The tenant of the key."""
        return self._grant.tenant_of()

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the credential holds: the key's own and those of its roles."""
        return self._grant.scopes.scopes

    @property
    def limits(self) -> tuple[LimitState, ...]:
        """How the limits stand after this verification."""
        return tuple(state(*taken) for taken in self._taken)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal. Falsy; `code` says why, `retry_after` (whole seconds) when it is worth trying again.

    A cost beyond the limit itself never passes: then there is no `retry_after`.
    """

    code: str
    retry_after: int | None = None
    limits: tuple[LimitState, ...] = ()

    def __bool__(self) -> Literal[False]:
        return False


Verdict: TypeAlias = Valid | Refused


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an explanation. `passed` is None when it could not be made, since the credential is unknown."""

    code: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All checks in their order. `str()` lists the codes; the first failure is the verdict's code."""

    code: str
    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return self.code == "valid"

    def __str__(self) -> str:
        marks = {True: "ok", False: "failed", None: "not checked"}
        lines = (f"{c.code}: {marks[c.passed]}{'  <- the verdict' if c.code == self.code else ''}" for c in self.checks)
        return "\n".join(lines)
