"""Grants: everything the store knows about a presented secret, joined and frozen. A verification decides on a grant.

Memory holds grants by the million, so a grant keeps only the values that a decision reads. The rest of the rows stays
the JSON text of the lookup, until a caller asks a verdict for its key, owner or tenant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from . import addresses, scopes
from .credits import Credits
from .limits import CountedLimit, LimitOf
from .memo import KIB, MIB, length, remembering
from .model import Key, KeyStatus, Owner, Session, Tenant, moment_or_none
from .records import KEY, OWNER, SECRET, SESSION, TENANT, counted_limits, credits_or_none, decode, encode, texts

T = TypeVar("T")


class Row(msgspec.Struct, array_like=True, gc=False):
    """One row of the hot lookup: lists as JSON, times in microseconds. `COLUMNS` is the order in which it is selected.

    The three records are JSON arrays of what no decision reads: `KEY_SHOWN` or `SESSION_SHOWN`, `OWNER_SHOWN` and
    `TENANT_SHOWN` say of what. Behind a key stands its secret.
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
    credits: str | None
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
    owner_limits: str = "[]"
    tenant_limits: str = "[]"
    owner_limits_version: int = 0
    tenant_limits_version: int = 0
    digest: bytes = b""
    grant: Any = None  # the compiled grant, for all callers that waited for it

    def __repr__(self) -> str:
        """Show what may be logged: a digest is not."""
        return f"Row(kid={self.kid!r}, key_id={self.key_id!r}, tenant={self.slug!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in a console or a traceback that asks for it."""
        return [("kid", self.kid), ("key_id", self.key_id), ("tenant", self.slug)]


COLUMNS: Final = tuple([name for name in Row.__struct_fields__ if name not in ("digest", "grant")])

KEY_SHOWN: Final = KEY.without(
    *("scopes", "allowed_ips", "credits", "environment", "expires_at", "not_before", "revoked_at", "revoke_reason"),
    "decoy",
    untold=("max_idle",),
)
"""Upkeep alone decides by `max_idle`, so neither a signed document nor an answer about a credential holds it."""
SESSION_SHOWN: Final = SESSION.without("revoked_at", "revoke_reason")
OWNER_SHOWN: Final = OWNER.without("status")
TENANT_SHOWN: Final = TENANT.without("slug", "status")
assert KEY_SHOWN.place("id") == SESSION_SHOWN.place("id") == 0, "`Grant.key_id` reads both"
_VERSION: Final = KEY_SHOWN.place("version")
_TENANT_ID: Final = TENANT_SHOWN.place("id")
_OWNER_ID: Final = OWNER_SHOWN.place("id")
_EXTERNAL_ID: Final = OWNER_SHOWN.place("external_id")
_OF_HOST: Final = ("name", "email", "roles", "admin")


def read_row(digest: bytes, body: str) -> Row:
    """Return the row of a digest and the JSON array that the lookup brought beside it."""
    row: Row = _decode_row(body)
    row.digest = digest
    return row


class Grant(msgspec.Struct, gc=False):
    """A row compiled for deciding. `proof` is set by the memory that keeps the grant, `counters` by the limits."""

    credits: ClassVar[Credits | None] = None
    """The credits that were set; the store alone knows what is left. Most keys have none, and no room for any."""

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
    limits: tuple[CountedLimit, ...]  # all that one verification takes from
    key_record: bytes
    owner_record: bytes
    tenant_record: bytes
    limits_versions: tuple[int, int] = (0, 0)
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
        """The id of the key, or of the session. It stands first, and nothing in it is escaped."""
        return self.key_record[2 : self.key_record.index(b'"', 2)].decode()

    @property
    def tenant_id(self) -> str:
        """The id of the tenant."""
        return str(decode(self.tenant_record)[_TENANT_ID])

    @property
    def external_id(self) -> str:
        """The external id of the owner."""
        return str(decode(self.owner_record)[_EXTERNAL_ID])

    def holder(self, of: LimitOf) -> tuple[str, tuple[int, ...]]:
        """Return the id of what a limit is counted for, and the version of its limits: of two, the higher is newer."""
        of_owner, of_tenant = self.limits_versions
        if of == "owner":
            return str(decode(self.owner_record)[_OWNER_ID]), (of_owner,)
        if of == "tenant":
            return self.tenant_id, (of_tenant,)
        return self.key_id, (int(decode(self.key_record)[_VERSION]), of_owner, of_tenant)

    def key(self, status: KeyStatus) -> Key:
        """Build the public record of the key; of its secrets, and so of its use, it knows the presented one."""
        key: Key = self._key(KEY_SHOWN.record, SECRET.record, status)
        return key

    def key_json(self) -> bytes:
        """Return the public record of an active key as JSON."""
        return encode(self._key(KEY_SHOWN.build, SECRET.build, "active"))

    def _key(self, make: Callable[..., Any], make_secret: Callable[..., Any], status: KeyStatus) -> Any:
        values = decode(self.key_record)
        secret = make_secret(values[len(KEY_SHOWN.columns) :])
        return make(
            values,
            tenant=self.tenant,
            owner=self.external_id,
            scopes=self.own_scopes,
            allowed_ips=self.addresses.entries if self.addresses else (),
            credits=self.credits,
            # The secret of a decoy cannot be looked up, so no grant is of a decoy.
            decoy=False,
            max_idle=None,
            environment=self.environment,
            status=status,
            expires_at=moment_or_none(self.expires_at),
            not_before=moment_or_none(self.not_before),
            revoked_at=None,
            revoke_reason="",
            last_used_at=secret.last_used_at,
            last_used_ip=secret.last_used_ip,
            use_count=secret.use_count,
            secrets=(secret,),
            rotation=None,
        )

    def session(self) -> Session:
        """Build the public record of the session."""
        return SESSION_SHOWN.record(
            decode(self.key_record),
            tenant=self.tenant,
            owner=self.external_id,
            status="active",
            revoked_at=None,
            revoke_reason="",
        )

    def owner(self) -> Owner:
        """Build the public record of the owner."""
        status = "disabled" if self.owner_disabled else "active"
        return OWNER_SHOWN.record(decode(self.owner_record), tenant=self.tenant, status=status)

    def tenant_of(self) -> Tenant:
        """Build the public record of the tenant."""
        status = "suspended" if self.suspended else "active"
        return TENANT_SHOWN.record(decode(self.tenant_record), slug=self.tenant, status=status)


class CreditedGrant(Grant, gc=False):
    """The grant of a key with credits."""

    credits: Credits | None = None  # type: ignore[misc]


def size_of_grant(grant: Grant) -> int:
    """Return about how many bytes a grant takes, without the objects that it shares with other grants."""
    return _GRANT_BYTES + len(grant.key_record) + 16 * len(grant.own_scopes) + scopes.size_alone(grant.scopes)


def compile_row(row: Row) -> Grant:
    """Turn a row of the hot lookup into a grant."""
    credits = credits_or_none(row.credits)
    make: Callable[..., Grant] = Grant if credits is None else partial(CreditedGrant, credits=credits)
    return make(
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
        counted_limits("key", row.limits)
        + counted_limits("owner", row.owner_limits)
        + counted_limits("tenant", row.tenant_limits),
        bytes(row.key_record),
        _shared(bytes(row.owner_record)),
        _shared(bytes(row.tenant_record)),
        limits_versions=_shared((row.owner_limits_version, row.tenant_limits_version)),
        unused=row.use_count == 0,
    )


_GRANT_BYTES = 600


def with_owner(row: Row, facts: Mapping[str, Any]) -> Row:
    """Return a row with what the host says about its owner; None leaves a field as it is."""
    record = decode(row.owner_record)
    for name in _OF_HOST:
        value = facts.get(name)
        if value is not None:
            record[OWNER_SHOWN.place(name)] = json.dumps(list(value)) if name == "roles" else value
    return msgspec.structs.replace(row, owner_record=msgspec.Raw(json.dumps(record).encode()))


def _size(stored: Any, value: object) -> int:
    return 5 * len(stored)


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


@remembering(length, bytes_max=4 * MIB, each_max=8 * KIB)
def _shared(value: T) -> T:
    """Return the same object for the same value: keys of one owner share its record."""
    return value


_decode_row: Any = msgspec.json.Decoder(Row).decode
