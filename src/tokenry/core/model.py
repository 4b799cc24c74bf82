"""The records that Tokenry answers with: frozen, typed, and free of anything secret. Exported as `tokenry.types`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

from .credits import Credits
from .limits import Limit, LimitState
from .rotation import Rotation
from .secret import Secret

T = TypeVar("T")


class NotGiven(Enum):
    """The type of `NOT_GIVEN`, which tells "leave it" apart from an explicit None."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return an aware moment as microseconds since the epoch, the form in which times are stored and compared."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return stored microseconds as an aware UTC datetime."""
    return _EPOCH + timedelta(0, 0, at)


def moment_or_none(at: int | None) -> datetime | None:
    """Return `moment(at)`, or None for None."""
    return None if at is None else _EPOCH + timedelta(0, 0, at)


class Clock(Protocol):
    """The type of `clock=`, such as a `FakeClock`."""

    def now(self) -> datetime:
        """Return the moment, with a time zone."""
        ...


Jwks: TypeAlias = Mapping[str, Sequence[Mapping[str, object]]]
"""A JSON Web Key Set: `{"keys": […]}`."""

OwnerId: TypeAlias = "str | int | UUID | Owner"
"""An owner as calls take it: by its external id, or as the record."""

KeyStatus = Literal["active", "disabled", "revoked", "expired"]
KEY_STATUSES: Final = ("active", "disabled", "revoked", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer of the installation; everything belongs to exactly one."""

    id: str
    slug: str
    name: str
    prefix: str
    status: Literal["active", "suspended"]
    expires_in_default: timedelta
    expires_in_max: timedelta
    never_allowed: bool
    self_rotation_allowed: bool
    created_at: datetime
    default_limits: tuple[Limit, ...] = ()
    shared_limits: tuple[Limit, ...] = ()
    time_zone: str = "UTC"
    on_leak: Literal["revoke", "flag"] = "revoke"
    max_idle: timedelta | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The owner of keys: a user or a service of the tenant, known to the host by `external_id`."""

    id: str
    tenant: str
    external_id: str
    name: str
    email: str | None
    roles: tuple[str, ...]
    admin: bool
    status: Literal["active", "disabled"]
    created_at: datetime
    updated_at: datetime | None = None
    """None when an older version of Tokenry wrote the record or sent it."""
    default_limits: tuple[Limit, ...] = ()
    shared_limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A named set of scopes in a tenant."""

    tenant: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretInfo:
    """The public part of a secret: its `kid`, age, use and leak. `ends_at` is None for the current secret."""

    kid: str
    created_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str | None
    leaked_at: datetime | None = None
    use_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A stable identity for API access. Secrets come and go, the key stays. `max_idle` is None in a verdict."""

    id: str
    tenant: str
    owner: str
    name: str
    description: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    allowed_ips: tuple[str, ...]
    limits: tuple[Limit, ...]
    environment: str
    status: KeyStatus
    created_at: datetime
    updated_at: datetime | None = None
    """None when an older version of Tokenry wrote the record or sent it."""
    expires_at: datetime | None
    not_before: datetime | None
    revoked_at: datetime | None
    revoke_reason: str
    last_used_at: datetime | None
    last_used_ip: str | None
    use_count: int
    version: int
    tags: tuple[str, ...] = ()
    credits: Credits | None = None
    decoy: bool = False
    max_idle: timedelta | None = None
    metadata: Mapping[str, Any] = field(hash=False)
    secrets: tuple[SecretInfo, ...]
    rotation: Rotation | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A key together with its secret, which is shown this once."""

    key: Key
    secret: Secret


SessionStatus = Literal["active", "revoked", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in of an owner. `scopes` is None when it holds those of its owner's roles, as they are now.

    It ends at `expires_at` whatever happens, and at `idle_expires_at` unless it is refreshed before.
    """

    id: str
    tenant: str
    owner: str
    status: SessionStatus
    scopes: tuple[str, ...] | None
    audience: tuple[str, ...]
    claims: Mapping[str, Any] = field(hash=False)
    device: Mapping[str, Any] = field(hash=False)
    client_id: str | None
    generation: int
    created_at: datetime
    refreshed_at: datetime
    idle_expires_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoke_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTokens:
    """A session with a new access token, and the refresh token that gets the next one. Both are shown this once."""

    session: Session
    access: Secret
    refresh: Secret
    scopes: tuple[str, ...]
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token that was derived from a key. It can do no more than the key, and ends with its secret."""

    access: Secret
    key: str
    tenant: str
    owner: str
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: datetime


SigningKeyStatus = Literal["next", "active", "retiring", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs access tokens (`active`), will (`next`), or whose tokens are still good (`retiring`)."""

    kid: str
    tenant: str
    algorithm: str
    status: SigningKeyStatus
    created_at: datetime
    active_at: datetime | None
    retired_at: datetime | None
    removed_at: datetime | None
    jwk: Mapping[str, Any] | None = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `sequence` orders the events of an installation for its readers.

    A subscriber is told before the place of an event is settled, so there `sequence` is 0: tell repeats by `id`.
    """

    sequence: int
    id: str
    type: str
    at: datetime
    tenant: str
    subject: str
    actor: str
    data: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the audit log: the actor, the action, the subject, and its values before and after.

    `trace_id` is the trace (W3C Trace Context) that the change belongs to, where one was known.
    """

    id: str
    at: datetime
    tenant: str
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None = field(hash=False)
    after: Mapping[str, Any] | None = field(hash=False)
    ip: str | None
    request_id: str | None
    position: int | None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's audit chain, signed: keep it elsewhere, and `audit.check(head=…)` finds a cut tail."""

    tenant: str
    position: int
    chain: str
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of `audit.check`; truthy when everything is as it was written."""

    entry_count: int
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class UsageHour:
    """How often a key was answered with one code within one hour, or (`hour_count` is 24) one day of UTC long ago."""

    key_id: str
    at: datetime
    code: str
    count: int
    hour_count: int = 1


@dataclass(frozen=True, slots=True)
class ScopeCheck:
    """Whether scopes may be granted here; falsy when some are unknown, which `unknown` names in input order."""

    unknown: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.unknown


@dataclass(frozen=True, slots=True)
class BulkItem:
    """The result of a bulk change for one key: `error` is None when it worked (or, in a dry run, would work)."""

    key: Key
    error: str | None = None

    def __bool__(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class BulkRevocation:
    """The counts of a bulk revocation and its first 1,000 `items`. `next_cursor` is None when no key is left."""

    items: tuple[BulkItem, ...]
    revoked_count: int
    refused_count: int
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[BulkItem]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; hand `next_cursor` back for the next one. Only None says that it was the last."""

    items: tuple[T, ...]
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


__all__ = [
    "NOT_GIVEN",
    "AuditReport",
    "BulkItem",
    "BulkRevocation",
    "Entry",
    "Event",
    "Head",
    "Issued",
    "Key",
    "KeyStatus",
    "Limit",
    "LimitState",
    "NotGiven",
    "Owner",
    "OwnerId",
    "Page",
    "Role",
    "ScopeCheck",
    "SecretInfo",
    "Session",
    "SessionStatus",
    "SessionTokens",
    "SigningKey",
    "SigningKeyStatus",
    "Tenant",
    "Token",
    "UsageHour",
    "micros",
    "moment",
    "moment_or_none",
]
