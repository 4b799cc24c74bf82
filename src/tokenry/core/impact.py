"""The effects of revoking a key, as far as the database knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from .model import Key, KeyStatus
from .policy import ACCESS_LIFE_MOST

WINDOW: Final = timedelta(hours=24)
COUNT_MAX: Final = 100
"""So many visits, and sessions of an owner, are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAddress:
    """An address that presented a key, the last time, and the code of that answer: `valid`, or why it was refused."""

    ip: str
    at: datetime
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyImpact:
    """The effects of revoking a key, as they are known `at` a moment.

    `valid_count` and `refused_count` are its verifications since `since`, the beginning of the hour 24 hours ago.
    `addresses` are the last valid one of each secret and those of the latest refusals, the newest first: no other
    address is recorded. An address may stand there twice: valid, and refused. `kids` are the secrets that stop. Access
    tokens derived from the key are not recorded, and end with it. Verifiers that work offline may accept one until
    `offline_until` at the latest, which is None if none can be left.
    `visit_count` are open visits of the key page, and unused links to it, that this key made: they end with it. No
    session does: `owner_session_count` are the living ones of its owner. Both are counted up to 100. Counts are None
    where the actor may not read usage or sessions.
    """

    key: str
    owner: str
    name: str
    status: KeyStatus
    at: datetime
    since: datetime
    valid_count: int | None
    refused_count: int | None
    last_used_at: datetime | None
    addresses: tuple[SeenAddress, ...]
    kids: tuple[str, ...]
    offline_until: datetime | None
    visit_count: int | None
    owner_session_count: int | None


def since_of(now: datetime) -> datetime:
    """Return the beginning of the hour in which the window before a moment begins: usage is counted by the hour."""
    return (now - WINDOW).replace(minute=0, second=0, microsecond=0)


def impact_of(
    key: Key,
    now: datetime,
    *,
    counts: Mapping[str, int] | None,
    refused_from: Iterable[SeenAddress],
    derives: bool,
    visit_count: int | None,
    session_count: int | None,
) -> KeyImpact:
    """Return the effects of revoking a key. `counts` are by code; `derives` says that its tenant has signed tokens."""
    return KeyImpact(
        key=key.id,
        owner=key.owner,
        name=key.name,
        status=key.status,
        at=now,
        since=since_of(now),
        valid_count=None if counts is None else counts.get("valid", 0),
        refused_count=None if counts is None else sum(counts.values()) - counts.get("valid", 0),
        last_used_at=key.last_used_at,
        addresses=_latest((*_used_from(key), *refused_from)),
        kids=tuple([info.kid for info in key.secrets]),
        offline_until=_offline_until(key, now) if derives else None,
        visit_count=visit_count,
        owner_session_count=session_count,
    )


def _used_from(key: Key) -> Iterable[SeenAddress]:
    uses = [(one.last_used_ip, one.last_used_at) for one in key.secrets]
    for ip, at in ((key.last_used_ip, key.last_used_at), *uses):
        if ip is not None and at is not None:
            yield SeenAddress(ip=ip, at=at, code="valid")


def _latest(seen: Iterable[SeenAddress]) -> tuple[SeenAddress, ...]:
    """Return the last valid use and the last refusal of each address; the newest first."""
    found: dict[tuple[str, bool], SeenAddress] = {}
    for one in seen:
        kind = one.ip, one.code == "valid"
        if kind not in found or found[kind].at < one.at:
            found[kind] = one
    return tuple(sorted(found.values(), key=lambda one: (one.at, one.ip), reverse=True))


def _offline_until(key: Key, now: datetime) -> datetime | None:
    """Return the last moment at which a token of a key may be accepted offline.

    A token lives for a day at most, and a key derives tokens until it stops. The last use says less: uses are written
    later. Nor does today's expiry end a token that was derived before the expiry was shortened.
    """
    until = _stopped_at(key, now) + timedelta(microseconds=ACCESS_LIFE_MOST)
    return until if until > now else None


def _stopped_at(key: Key, now: datetime) -> datetime:
    """Return a moment since which a key has derived no token: now, unless it is known to have stopped before."""
    if key.revoked_at is not None:
        return key.revoked_at
    # A key is disabled by a change, and an expiry counts from the change that set it.
    ends = [at for at in (key.updated_at, key.expires_at if key.status == "expired" else None) if at is not None]
    return now if key.status == "active" or not ends else max(ends)
