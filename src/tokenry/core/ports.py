"""What the use cases ask of a store, one small role per noun. `tokenry.store` answers on SQLite and PostgreSQL.

Rows take and give the records of `core.model`; how they look at rest is the store's own affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from .grant import Grant, Row
from .limits import Limit
from .model import Entry, Event, Key, Owner, Role, Session, Tenant, UsageHour
from .refresh import Family
from .signing import SigningRow
from .turns import Turn
from .verdict import Refused, Taken


class Clash(Exception):
    """A unique name was taken by somebody else at the same moment; the transaction is over."""


def _member(column: str) -> Any:
    """Return a filter that matches keys whose list in `column` has a given member."""
    return field(default=None, metadata={"list": column})


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys of a tenant; None means any."""

    owner_id: str | None = None
    status: str | None = None
    environment: str | None = None
    text: str | None = None
    scope: str | None = _member("scopes")
    tag: str | None = _member("tags")
    expires_before: datetime | None = None
    last_used_before: datetime | None = None
    ids: tuple[str, ...] | None = None


MEMBERS: Final[Mapping[str, str]] = {
    one.name: one.metadata["list"] for one in fields(KeyFilter) if "list" in one.metadata
}
"""The filters that match a member of a list, each with the list that it searches."""

KEY_FILTERS: Final = ("owner", "status", "environment", "text", *MEMBERS, "expiring_within", "last_used_before")
"""The names of the filters as callers pass them to `keys.list` and `keys.revoke_where`."""


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret as it is written: where it belongs and its digest."""

    kid: str
    key_id: str
    digest: bytes = field(repr=False)
    pepper_id: str
    tag_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Presented:
    """What a refresh token is presented to: its session and family, whose they are, and the scopes of the roles."""

    session: Session
    family: Family
    owner: Owner
    tenant: Tenant
    role_scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """One audit entry with what protects it."""

    entry: Entry
    generation: str
    mac: str
    chain: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The end of a tenant's audit chain, and the point where retention has cut its front."""

    position: int
    chain: str
    at: datetime
    generation: str
    signature: str
    cut_position: int = 0
    cut_chain: str = ""
    cut_signature: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an idempotent call answered, without its secret, which follows from the nonce."""

    arguments: str
    generation: str
    nonce: bytes = field(repr=False)
    answer: str
    expires_at: datetime


class Spent(msgspec.Struct, gc=False):
    """What was counted of one secret within one hour, and is not written yet."""

    kid: str
    hour: int
    counts: dict[str, int]
    unused: bool = False
    last_used_at: int | None = None
    last_used_ip: str | None = None


@dataclass(frozen=True, slots=True)
class FirstUse:
    """A key that was used for the first time."""

    tenant_id: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Pepper:
    """A digest under a newer pepper, to be written if the row still has the old one."""

    kid: str
    old: bytes = field(repr=False)
    new: bytes = field(repr=False)
    pepper_id: str


@dataclass(frozen=True, slots=True)
class Want:
    """A wish for units of one limit in one window; its holder is the key, owner or tenant that has the limit."""

    tenant_id: str
    holder_id: str
    limit: Limit
    window: int
    need: int


class TenantRows(Protocol):
    def insert(self, tenant: Tenant) -> None: ...
    def get(self, slug: str, *, lock: str | None = None) -> Tenant | None: ...
    def by_id(self, id: str) -> Tenant | None: ...
    def list(self, *, after: str | None, limit: int) -> Sequence[Tenant]: ...
    def update(self, id: str, values: Mapping[str, Any]) -> None: ...
    def delete(self, id: str) -> None: ...


class OwnerRows(Protocol):
    def insert(self, tenant: Tenant, owner: Owner) -> None: ...
    def get(self, tenant: Tenant, external_id: str, *, lock: bool = False) -> Owner | None: ...
    def list(
        self, tenant: Tenant, *, after: str | None, until: str | None = None, limit: int, text: str | None
    ) -> Sequence[Owner]: ...
    def reach(self, tenant: Tenant, *, after: str | None) -> str | None: ...
    def update(self, tenant: Tenant, owner: Owner, values: Mapping[str, Any], now: datetime) -> None: ...
    def any(self, tenant: Tenant) -> bool: ...


Expiry: TypeAlias = tuple[int, str]
"""A place in a list by expiry: the moment, and the id of the key."""

RoleHolder: TypeAlias = Literal["owner", "key"]
"""What names roles."""


class RoleRows(Protocol):
    def put(self, tenant: Tenant, role: Role) -> None: ...
    def get(self, tenant: Tenant, names: Sequence[str]) -> Sequence[Role]: ...
    def list(self, tenant: Tenant, *, after: str | None, limit: int) -> Sequence[Role]: ...
    def mark_deleted(self, tenant: Tenant, name: str, now: datetime) -> None: ...
    def marked(self, tenant: Tenant, names: Sequence[str]) -> Sequence[str]: ...
    def remove_marked(self, tenant: Tenant, name: str) -> None: ...
    def holders(
        self, tenant: Tenant, kind: RoleHolder, name: str, *, before: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]: ...
    def drop(self, tenant: Tenant, kind: RoleHolder, name: str, ids: Sequence[str], now: datetime) -> None: ...


class ScopeRows(Protocol):
    def list(self, tenant: Tenant) -> Sequence[str]: ...
    def replace(self, tenant: Tenant, scopes: Sequence[str]) -> None: ...


class KeyRows(Protocol):
    def insert(self, tenant: Tenant, keys: Sequence[tuple[str, Key]]) -> None: ...
    def get(self, tenant: Tenant, id: str, now: datetime, *, lock: bool = False) -> Key | None: ...
    def by_kid(self, tenant: Tenant, kid: str, now: datetime) -> Key | None: ...
    def list(
        self,
        tenant: Tenant,
        which: KeyFilter,
        now: datetime,
        *,
        before: str | None,
        until: str | None = None,
        limit: int,
    ) -> Sequence[Key]: ...
    def reach(self, tenant: Tenant, which: KeyFilter, *, before: str | None) -> str | None: ...
    def expiring(
        self, tenant: Tenant, now: datetime, until: datetime, owner_id: str | None, *, after: Expiry | None, limit: int
    ) -> tuple[Sequence[Key], Expiry | None]: ...
    def taken(self, tenant: Tenant, names: Iterable[tuple[str, str]]) -> set[tuple[str, str]]: ...
    def update(
        self, tenant: Tenant, key: Key, values: Mapping[str, Any], now: datetime, *, version: int | None
    ) -> bool: ...
    def living(self, tenant: Tenant, owner_id: str, now: datetime, limit: int) -> Sequence[Key]: ...
    def dead(
        self,
        tenant: Tenant,
        expired_before: datetime | None,
        revoked_before: datetime | None,
        *,
        before: str | None = None,
        until: str | None = None,
        ids: Sequence[str] | None = None,
        limit: int,
    ) -> Sequence[str]: ...
    def owners(self, tenant: Tenant, ids: Sequence[str]) -> Mapping[str, str]: ...
    def delete(self, tenant: Tenant, ids: Sequence[str]) -> None: ...
    def unannounced(self, days: int, announced: int | None, now: datetime, limit: int) -> Sequence[tuple[str, str]]: ...
    def announce(self, tenant: Tenant, ids: Sequence[str], days: int) -> Sequence[str]: ...


class SecretRows(Protocol):
    def insert(self, tenant: Tenant, secrets: Sequence[SecretRow]) -> None: ...
    def end(self, tenant: Tenant, key_id: str, now: datetime, current_ends_at: datetime) -> None: ...
    def find(self, kid: str) -> Row | None: ...
    def kids(self, tenant: Tenant, key_ids: Sequence[str]) -> Sequence[str]: ...
    def kids_of_owner(self, tenant: Tenant, owner_id: str) -> Sequence[str] | None: ...
    def move_peppers(self, peppers: Sequence[Pepper]) -> None: ...
    def needing(self, generation: str, now: datetime) -> int: ...


class SessionRows(Protocol):
    def insert(self, tenant: Tenant, owner_id: str, session: Session, family: Family) -> None: ...
    def get(self, tenant: Tenant, id: str, now: datetime) -> Session | None: ...
    def by_kid(self, kid: str, now: datetime) -> Presented | None: ...
    def list(
        self, tenant: Tenant, now: datetime, owner_id: str | None, *, before: str | None, limit: int
    ) -> Sequence[Session]: ...
    def living(
        self, tenant: Tenant, owner_id: str | None, role: str | None, now: datetime, kept: Sequence[str], limit: int
    ) -> Sequence[tuple[str, str]]: ...
    def rotate(self, family: Family, read: int) -> bool: ...
    def revoke(self, tenant: Tenant, id: str, now: datetime, reason: str) -> bool: ...
    def purge(self, before: datetime, limit: int) -> int: ...
    def needing(self, generation: str, now: datetime) -> int: ...


class SigningKeyRows(Protocol):
    def insert(self, row: SigningRow) -> None: ...
    def list(self, tenant: Tenant) -> Sequence[SigningRow]: ...
    def of_kid(self, kid: str) -> tuple[Tenant, Sequence[SigningRow]] | None: ...
    def sealed_under(self, generation: str) -> Sequence[SigningRow]: ...
    def update(self, kid: str, values: Mapping[str, Any]) -> None: ...
    def older(self, active_before: datetime, limit: int) -> Sequence[tuple[Tenant, str]]: ...


class EventRows(Protocol):
    def insert(self, tenant: Tenant, events: Sequence[Event]) -> None: ...
    def list(
        self, tenant: Tenant, *, after: int, until: tuple[int, int] | None, types: Sequence[str] | None, limit: int
    ) -> Sequence[Event]: ...
    def reach(self, tenant: Tenant, *, after: int) -> tuple[int, int] | None: ...
    def known(self, tenant_id: str, ids: Sequence[str]) -> set[str]: ...


class AuditRows(Protocol):
    def insert(self, tenant: Tenant, entries: Sequence[Sealed]) -> None: ...
    def list(
        self, tenant: Tenant, which: Mapping[str, str], *, before: str | None, until: str | None = None, limit: int
    ) -> Sequence[Entry]: ...
    def reach(self, tenant: Tenant, which: Mapping[str, str], *, before: str | None) -> str | None: ...
    def unsealed_tenants(self) -> Sequence[str]: ...
    def unsealed(self, tenant_id: str, limit: int) -> Sequence[Sealed]: ...
    def chain(self, tenant_id: str, after: int | None, limit: int) -> Sequence[Sealed]: ...
    def seal(self, tenant_id: str, links: Sequence[tuple[str, int, str]]) -> None: ...
    def head(self, tenant_id: str, *, lock: bool = False) -> HeadRow | None: ...
    def put_head(self, tenant_id: str, head: HeadRow) -> None: ...
    def last_before(self, tenant_id: str, before: datetime) -> Sealed | None: ...
    def cut(self, tenant_id: str, position: int) -> int: ...
    def needing(self, generation: str) -> tuple[int, int]: ...


class UsageRows(Protocol):
    def delete(self, tenant: Tenant, key_ids: Sequence[str], limit: int) -> int: ...
    def add(self, spent: Sequence[Spent]) -> Sequence[FirstUse]: ...
    def list(self, tenant: Tenant, key_id: str, since: datetime) -> Sequence[UsageHour]: ...


class LimitRows(Protocol):
    def lease(self, want: Want) -> tuple[int, int, int]: ...
    def taken(self, want: Want) -> int: ...
    def give_back(self, want: Want) -> None: ...


class IdempotencyRows(Protocol):
    def insert(self, tenant: Tenant, id: str, answer: Answer) -> None: ...
    def get(self, tenant: Tenant, id: str) -> Answer | None: ...
    def delete_expired(self, now: datetime) -> None: ...


DROPPED = "dropped"
"""Stands in place of the canary of a dropped generation for ever, so that an old keyring does not bring it back."""


class CanaryRows(Protocol):
    def list(self) -> Mapping[str, str]: ...
    def get(self, generation: str) -> str | None: ...
    def insert(self, generation: str, canary: str) -> None: ...
    def delete(self, generation: str) -> None: ...


class Rows(Protocol):
    """All roles, within one transaction."""

    @property
    def tenants(self) -> TenantRows: ...
    @property
    def owners(self) -> OwnerRows: ...
    @property
    def roles(self) -> RoleRows: ...
    @property
    def scopes(self) -> ScopeRows: ...
    @property
    def keys(self) -> KeyRows: ...
    @property
    def secrets(self) -> SecretRows: ...
    @property
    def sessions(self) -> SessionRows: ...
    @property
    def signing_keys(self) -> SigningKeyRows: ...
    @property
    def events(self) -> EventRows: ...
    @property
    def audit(self) -> AuditRows: ...
    @property
    def usage(self) -> UsageRows: ...
    @property
    def limits(self) -> LimitRows: ...
    @property
    def idempotency(self) -> IdempotencyRows: ...
    @property
    def canaries(self) -> CanaryRows: ...
    def turn(self, kids: tuple[str, ...] | None, *, changed: bool) -> Turn | None:
        """Say in this transaction that verdicts about some secrets (None: all) may change. None: nobody needs that."""
        ...


class Store(Protocol):
    """Where rows come from. A `change` commits when its block ends well and is rolled back otherwise."""

    def read(self) -> AbstractContextManager[Rows]: ...
    def change(self, *, durable: bool = True, within: float | None = None) -> AbstractContextManager[Rows]: ...
    def find(self, kid: str) -> Row | None: ...


class Remembers(Protocol):
    """What a process remembers of earlier lookups."""

    def recall(self, kid: str, text: str) -> Grant | None: ...
    def holds(self, grant: Grant) -> bool: ...
    def known(self, kid: str) -> Grant | None: ...
    def is_trusted(self) -> bool: ...
    def prepare(self) -> int: ...
    def remember(self, grant: Grant, text: str, drops: int) -> None: ...
    def clear(self) -> None: ...


class Leases(Protocol):
    """The limits of a process."""

    def take(self, grant: Grant, cost: int, now: int) -> Taken | list[Want] | Refused: ...
    def fill(self, grant: Grant, wants: list[Want], shares: list[tuple[int, int, int]], now: int) -> None: ...


class Tally(Protocol):
    """What a process counts and writes later."""

    def count(self, grant: Grant, code: str, now: int, ip: str | None) -> None: ...
    def count_unknown(self, code: str) -> None: ...
    def note_pepper(self, pepper: Pepper) -> None: ...
