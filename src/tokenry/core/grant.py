"""What the store knows about a presented secret, joined and frozen: the thing a verification decides on.

A grant is what memory holds by the million, so it keeps only what a decision reads; the rest of the rows stays packed
until somebody asks a verdict for its key or owner.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from . import addresses, limits, scopes
from .model import Key, KeyStatus, Owner, SecretInfo, Tenant, moment, moment_or_none


class Row(NamedTuple):
    """One row of the hot lookup, in the order in which the store selects it: lists as JSON, times in microseconds."""

    kid: str
    digest: bytes
    pepper_id: str
    ends_at: int | None
    scopes: str
    role_scopes: str | None
    allowed_ips: str
    limits: str
    environment: str
    disabled_at: int | None
    expires_at: int | None
    not_before: int | None
    revoked_at: int | None
    key_id: str
    name: str
    description: str
    roles: str
    created_at: int
    revoke_reason: str
    last_used_at: int | None
    last_used_ip: str | None
    use_count: int
    version: int
    metadata: str
    secret_created_at: int
    secret_last_used_at: int | None
    secret_last_used_ip: str | None
    secret_use_count: int
    owner_id: str
    external_id: str
    owner_name: str
    email: str | None
    owner_roles: str
    admin: bool
    owner_status: str
    owner_created_at: int
    tenant_id: str
    slug: str
    tenant_name: str
    prefix: str
    tenant_status: str
    expires_in_default: int
    expires_in_max: int
    never_allowed: bool
    tenant_created_at: int


_KEY = slice(Row._fields.index("key_id"), Row._fields.index("owner_id"))
_OWNER = slice(Row._fields.index("owner_id"), Row._fields.index("tenant_id"))
_TENANT = slice(Row._fields.index("tenant_id"), len(Row._fields))


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
    key_row: bytes
    owner_row: bytes
    tenant_row: bytes
    proof: bytes = b""
    counters: Any = None
    read_at: int | None = None  # set when a host answers for the owner, whose answer grows old

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return str(_unpack(self.key_row)[0])

    @property
    def tenant_id(self) -> str:
        """The id of the tenant."""
        return str(_unpack(self.tenant_row)[0])

    def key(self, status: KeyStatus) -> Key:
        """Build the public record of the key; of its secrets it knows the presented one."""
        (
            id, name, description, roles, created_at, revoke_reason, last_used_at, last_used_ip, use_count, version,
            metadata, secret_created_at, secret_last_used_at, secret_last_used_ip, secret_use_count,
        ) = _unpack(self.key_row)  # fmt: skip
        secret = SecretInfo(
            kid=self.kid,
            created_at=moment(secret_created_at),
            ends_at=moment_or_none(self.ends_at),
            last_used_at=moment_or_none(secret_last_used_at),
            last_used_ip=secret_last_used_ip,
            use_count=secret_use_count,
        )
        return Key(
            id=id,
            tenant=self.tenant,
            owner=_unpack(self.owner_row)[1],
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
            revoke_reason=revoke_reason,
            last_used_at=moment_or_none(last_used_at),
            last_used_ip=last_used_ip,
            use_count=use_count,
            version=version,
            metadata=json.loads(metadata),
            secrets=(secret,),
        )

    def owner(self) -> Owner:
        """Build the public record of the owner."""
        id, external_id, name, email, roles, admin, status, created_at = _unpack(self.owner_row)
        return Owner(
            id=id,
            tenant=self.tenant,
            external_id=external_id,
            name=name,
            email=email,
            roles=texts(roles),
            admin=bool(admin),
            status=status,
            created_at=moment(created_at),
        )

    def tenant_record(self) -> Tenant:
        """Build the public record of the tenant."""
        id, slug, name, prefix, status, default, most, never, created_at = _unpack(self.tenant_row)
        return Tenant(
            id=id,
            slug=slug,
            name=name,
            prefix=prefix,
            status=status,
            expires_in_default=timedelta(microseconds=default),
            expires_in_max=timedelta(microseconds=most),
            never_allowed=bool(never),
            created_at=moment(created_at),
        )


def compile_row(row: Row) -> Grant:
    """Turn a row of the hot lookup into a grant."""
    own = texts(row.scopes)
    return Grant(
        row.kid,
        row.slug,
        row.environment,
        row.tenant_status != "active",
        row.revoked_at is not None,
        row.ends_at,
        row.disabled_at is not None,
        row.not_before,
        row.expires_at,
        row.owner_status != "active",
        _granted(row.scopes, row.role_scopes),
        own,
        _addresses(row.allowed_ips),
        _limits(row.limits),
        _pack(row[_KEY]),
        _packed_owner(row[_OWNER]),
        _packed_tenant(row[_TENANT]),
    )


@lru_cache(maxsize=65536)
def texts(stored: str) -> tuple[str, ...]:
    """Return a stored list of texts."""
    return tuple(json.loads(stored))


@lru_cache(maxsize=65536)
def _granted(own: str, of_roles: str | None) -> scopes.Granted:
    return scopes.granted(effective(texts(own), json.loads(of_roles) if of_roles else ()))


def effective(own: tuple[str, ...], of_roles: Any) -> tuple[str, ...]:
    """Return a key's own scopes and those of its roles, each once."""
    return tuple(dict.fromkeys([*own, *(scope for role in of_roles for scope in role)]))


@lru_cache(maxsize=65536)
def _addresses(stored: str) -> addresses.Addresses | None:
    return addresses.compiled(texts(stored))


@lru_cache(maxsize=65536)
def _limits(stored: str) -> tuple[limits.Limit, ...]:
    return limits.compiled(tuple(tuple(limit) for limit in json.loads(stored)))


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


@lru_cache(maxsize=16384)
def _packed_owner(row: tuple[Any, ...]) -> bytes:
    return _pack(row)


@lru_cache(maxsize=4096)
def _packed_tenant(row: tuple[Any, ...]) -> bytes:
    return _pack(row)
