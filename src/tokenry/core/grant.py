"""What the store knows about a presented secret, joined and frozen: the thing a verification decides on.

A grant is what memory holds by the million, so it keeps only what a decision reads. The rest of the rows stays the JSON
text that the lookup brought, until somebody asks a verdict for its key, owner or tenant.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from . import addresses, limits, scopes
from .memo import KIB, MIB, length, remembering
from .model import Key, KeyStatus, Owner, SecretInfo, Tenant, moment, moment_or_none

T = TypeVar("T")


class Row(msgspec.Struct, array_like=True, gc=False):
    """One row of the hot lookup, in the order in which the store selects it: lists as JSON, times in microseconds.

    The three records are JSON arrays of what no decision reads; `store.lookup` says of what.
    """

    kid: str
    pepper_id: str
    ends_at: int | None
    key_id: str
    tenant_id: str
    scopes: str
    role_scopes: str | None
    allowed_ips: str
    limits: str
    environment: str
    disabled_at: int | None
    expires_at: int | None
    not_before: int | None
    revoked_at: int | None
    use_count: int
    owner_status: str
    slug: str
    tenant_status: str
    key_record: msgspec.Raw
    owner_record: msgspec.Raw
    tenant_record: msgspec.Raw
    digest: bytes = b""
    grant: Any = None  # what it was compiled to, for all who waited for it

    def __repr__(self) -> str:
        """Show what may be logged: a digest is not."""
        return f"Row(kid={self.kid!r}, key_id={self.key_id!r}, tenant={self.slug!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in a console or a traceback that asks for it."""
        return [("kid", self.kid), ("key_id", self.key_id), ("tenant", self.slug)]


def read_row(digest: bytes, body: str) -> Row:
    """Return the row of a digest and the JSON array that the lookup brought beside it."""
    row: Row = _decode_row(body)
    row.digest = digest
    return row


class Grant(msgspec.Struct, gc=False):
    """A row compiled for deciding. `proof` is set by the memory that keeps the grant, `counters` by the limits."""

    kid: str
    tenant: str
    environment: str
    suspended: bool
    revoked: bool
    ends_at: int | None
    disabled: bool
    not_before: int | None
    expires_at: int | None
    owner_disabled: bool
    scopes: scopes.Granted
    own_scopes: tuple[str, ...]
    addresses: addresses.Addresses | None
    limits: tuple[limits.Limit, ...]
    key_record: bytes
    owner_record: bytes
    tenant_record: bytes
    proof: bytes = b""
    counters: Any = None
    unused: bool = False  # the secret was not used when it was looked up, and no use of it was counted since
    read_at: int | None = None  # set when a host answers for the owner, whose answer grows old

    def __repr__(self) -> str:
        """Show what may be logged: the proof is not."""
        return f"Grant(kid={self.kid!r}, tenant={self.tenant!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in a console or a traceback that asks for it."""
        return [("kid", self.kid), ("tenant", self.tenant)]

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return str(_decode(self.key_record)[0])

    @property
    def version(self) -> int:
        """The version of the key: of two grants of one key, the higher was read later."""
        return int(_decode(self.key_record)[5])

    @property
    def tenant_id(self) -> str:
        """The id of the tenant."""
        return str(_decode(self.tenant_record)[0])

    @property
    def external_id(self) -> str:
        """The external id of the owner."""
        return str(_decode(self.owner_record)[1])

    def key(self, status: KeyStatus) -> Key:
        """Build the public record of the key; of its secrets, and so of its use, it knows the presented one."""
        id, name, description, roles, created_at, version, metadata, issued_at, used_at, used_ip, uses = _decode(
            self.key_record
        )
        secret = SecretInfo(
            kid=self.kid,
            created_at=moment(issued_at),
            ends_at=moment_or_none(self.ends_at),
            last_used_at=moment_or_none(used_at),
            last_used_ip=used_ip,
            use_count=uses,
        )
        return Key(
            id=id,
            tenant=self.tenant,
            owner=self.external_id,
            name=name,
            description=description,
            scopes=self.own_scopes,
            roles=texts(roles),
            allowed_ips=self.addresses.entries if self.addresses else (),
            limits=self.limits,
            environment=self.environment,
            status=status,
            created_at=moment(created_at),
            expires_at=moment_or_none(self.expires_at),
            not_before=moment_or_none(self.not_before),
            revoked_at=None,
            revoke_reason="",
            last_used_at=secret.last_used_at,
            last_used_ip=used_ip,
            use_count=uses,
            version=version,
            metadata=json.loads(metadata),
            secrets=(secret,),
        )

    def owner(self) -> Owner:
        """Build the public record of the owner."""
        id, external_id, name, email, roles, admin, created_at = _decode(self.owner_record)
        return Owner(
            id=id,
            tenant=self.tenant,
            external_id=external_id,
            name=name,
            email=email,
            roles=texts(roles),
            admin=bool(admin),
            status="disabled" if self.owner_disabled else "active",
            created_at=moment(created_at),
        )

    def tenant_of(self) -> Tenant:
        """Build the public record of the tenant."""
        id, name, prefix, default, most, never, self_rotation, created_at = _decode(self.tenant_record)
        return Tenant(
            id=id,
            slug=self.tenant,
            name=name,
            prefix=prefix,
            status="suspended" if self.suspended else "active",
            expires_in_default=timedelta(microseconds=default),
            expires_in_max=timedelta(microseconds=most),
            never_allowed=bool(never),
            self_rotation_allowed=bool(self_rotation),
            created_at=moment(created_at),
        )


def size_of_grant(grant: Grant) -> int:
    """Return about how many bytes a grant takes; what it shares with other grants is not counted."""
    return _GRANT_BYTES + len(grant.key_record) + 16 * len(grant.own_scopes)


def compile_row(row: Row) -> Grant:
    """Turn a row of the hot lookup into a grant."""
    return Grant(
        row.kid,
        _shared(row.slug),
        _shared(row.environment),
        row.tenant_status != "active",
        row.revoked_at is not None,
        row.ends_at,
        row.disabled_at is not None,
        row.not_before,
        row.expires_at,
        row.owner_status != "active",
        _granted((row.scopes, row.role_scopes)),
        texts(row.scopes),
        _addresses(row.allowed_ips),
        _limits(row.limits),
        bytes(row.key_record),
        _shared(bytes(row.owner_record)),
        _shared(bytes(row.tenant_record)),
        unused=row.use_count == 0,
    )


_GRANT_BYTES = 600


def with_owner(row: Row, name: Any, email: Any, roles: Any, admin: Any) -> Row:
    """Return a row with what the host says about its owner; None leaves a field as it is."""
    record = _decode(row.owner_record)
    for place, value in ((2, name), (3, email), (4, roles if roles is None else json.dumps(list(roles))), (5, admin)):
        if value is not None:
            record[place] = value
    return msgspec.structs.replace(row, owner_record=msgspec.Raw(json.dumps(record).encode()))


def _size(stored: Any, value: object) -> int:
    return 5 * len(stored)


@remembering(_size, bytes_max=4 * MIB, each_max=32 * KIB)
def texts(stored: str) -> tuple[str, ...]:
    """Return a stored list of texts."""
    return tuple(json.loads(stored))


@remembering(lambda key, _: 5 * (len(key[0]) + len(key[1] or "")), bytes_max=4 * MIB, each_max=32 * KIB)
def _granted(stored: tuple[str, str | None]) -> scopes.Granted:
    own, of_roles = stored
    roles = json.loads(of_roles) if of_roles else ()
    return scopes.granted(tuple(dict.fromkeys([*texts(own), *(scope for role in roles for scope in role)])))


def _addresses(stored: str) -> addresses.Addresses | None:
    return None if stored == "[]" else _listed(stored)


@remembering(_size, bytes_max=2 * MIB, each_max=32 * KIB)
def _listed(stored: str) -> addresses.Addresses | None:
    return addresses.compiled(texts(stored))


@remembering(_size, bytes_max=4 * MIB, each_max=8 * KIB)
def _limits(stored: str) -> tuple[limits.Limit, ...]:
    return limits.compiled(json.loads(stored))


@remembering(length, bytes_max=4 * MIB, each_max=8 * KIB)
def _shared(value: T) -> T:
    """Return the same object for the same value: keys of one owner share its record."""
    return value


_decode: Any = msgspec.json.Decoder().decode
_decode_row: Any = msgspec.json.Decoder(Row).decode
