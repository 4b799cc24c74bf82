"""Advice about keys: their needless rights, judged by their usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Final, Literal, TypeAlias

from .model import Key
from .scopes import is_operator

WATCHED_DAYS: Final = 90
"""For so many days it is remembered which scopes a key was asked for."""

WATCHED: Final = timedelta(days=WATCHED_DAYS)
OBSERVED_LEAST: Final = timedelta(days=30)
"""For so long a key was watched before a scope that nobody asked for counts as unused."""
NEW: Final = timedelta(days=7)
"""A key that is younger may be on its way to its user: it is not called never used."""
WIDE: Final[Mapping[int, int]] = {4: 16, 6: 32}
"""A network with a shorter prefix is wide, by the version of the protocol."""

FindingCode: TypeAlias = Literal["never_used", "unused", "no_expiry", "no_limit", "wide_addresses", "unused_scopes"]

_MESSAGES: Final[Mapping[FindingCode, str]] = {
    "never_used": "never used since it was issued: revoke it if nobody needs it",
    "unused": f"not used for {WATCHED_DAYS} days: revoke it if nobody needs it",
    "no_expiry": "never expires: give it an end, and rotate it before that",
    "no_limit": "no limit holds it back: a stolen key can be used without end",
    "wide_addresses": "these networks are so wide that they hardly bind it",
    "unused_scopes": "nobody has asked for these scopes: take them away",
}
"""The findings, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding about a key: its `code`, the remedy in `message`, and the scopes or dates concerned in `values`."""

    code: FindingCode
    message: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedScope:
    """A scope of a key, and when a verification last asked for it. None: not within 90 days."""

    scope: str
    last_asked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Advice about a key. Falsy when there are no findings.

    `scopes` are those of the key itself, not those of its roles. When verifications asked for no scope at all,
    `unscoped_at` is the time of the last such verification. The needed scopes are then unknown, so no scope is reported
    as unused.
    """

    key: str
    owner: str
    name: str
    findings: tuple[Finding, ...]
    scopes: tuple[AskedScope, ...]
    unscoped_at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.findings)


def advise(key: Key, asked: Mapping[str, tuple[datetime, datetime]], now: datetime, *, is_limited: bool) -> Advice:
    """Return the advice about a key.

    `asked` maps each scope to the first and the last time that it was asked for; "" means no scope.
    """
    recent = {scope: last for scope, (_, last) in asked.items() if now - last <= WATCHED}
    scopes = tuple([AskedScope(scope=scope, last_asked_at=recent.get(scope)) for scope in key.scopes])
    found: list[tuple[FindingCode, Sequence[str]]] = []
    if key.status == "active" and not key.decoy:
        if key.last_used_at is None and now - key.created_at >= NEW:
            found.append(("never_used", ()))
        if key.last_used_at is not None and now - key.last_used_at > WATCHED:
            found.append(("unused", ()))
        if key.expires_at is None:
            found.append(("no_expiry", ()))
        if not is_limited:
            found.append(("no_limit", ()))
        if wide := [entry for entry in key.allowed_ips if _is_wide(entry)]:
            found.append(("wide_addresses", wide))
        observed = now - min((first for first, _ in asked.values()), default=now)
        unused = [one.scope for one in scopes if one.last_asked_at is None]
        if unused and recent and "" not in recent and observed >= OBSERVED_LEAST and not _operates(key):
            found.append(("unused_scopes", unused))
    findings = tuple([Finding(code=code, message=_MESSAGES[code], values=tuple(values)) for code, values in found])
    return Advice(
        key=key.id, owner=key.owner, name=key.name, findings=findings, scopes=scopes, unscoped_at=recent.get("")
    )


def _is_wide(entry: str) -> bool:
    network = ip_network(entry)
    return network.prefixlen < WIDE[network.version]


def _operates(key: Key) -> bool:
    return any(map(is_operator, key.scopes))
