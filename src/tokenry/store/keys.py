"""Keys in SQL. A list is two statements however many keys it shows: the keys, then their living secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    delete,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from tokenry.core.facets import KeyFacets
from tokenry.core.fields import folded, searchable
from tokenry.core.key_filter import KeyFilter, KeyPlace, KeySort
from tokenry.core.model import Key, SecretInfo, Tenant, micros
from tokenry.core.ports import Expiry
from tokenry.core.records import KEY, SECRET

from .documents import Documents
from .fixed import Fixed, FixedWrite, among
from .foreign_tables import foreign
from .key_facets import facets_of
from .key_filters import between, expires, expires_between, filtered
from .key_records import key_of
from .key_sorts import place_of, sorted_page, used_minute
from .reach import reach, reached
from .tables import (
    credit,
    credit_hold,
    decoy,
    key,
    limit_counter,
    owner,
    refusal,
    scope_use,
    secret,
    tenant,
    usage_day,
    usage_hour,
)
from .values import stored_row
from .watch import decoy_secrets

_INSERT = FixedWrite(insert(key))
_CHANGE = (
    update(key)
    .where(key.c.tenant_id == bindparam("of_tenant"), key.c.id == bindparam("of_key"))
    .values(version=key.c.version + 1)
)
_OF = ("of_tenant", "of_key", "of_version")
_UPDATE = FixedWrite(_CHANGE, *_OF)
_UPDATE_VERSION = FixedWrite(_CHANGE.where(key.c.version == bindparam("of_version")), *_OF)
_SELECT = select(
    *[key.c[column] for column in KEY.columns], key.c.owner_id, key.c.disabled_at, owner.c.external_id
).join(owner, (owner.c.tenant_id == key.c.tenant_id) & (owner.c.id == key.c.owner_id))
_ONE = _SELECT.where(key.c.tenant_id == bindparam("tenant_id"), key.c.id == bindparam("id"))
_GET, _GET_LOCKED = Fixed(_ONE), Fixed(_ONE.with_for_update(of=key))
_BY_KID = Fixed(
    _SELECT.join(secret, (secret.c.tenant_id == key.c.tenant_id) & (secret.c.key_id == key.c.id)).where(
        key.c.tenant_id == bindparam("tenant_id"), secret.c.kid == bindparam("kid")
    )
)
_ALL = _SELECT.where(key.c.tenant_id == bindparam("tenant_id")).order_by(key.c.id.desc()).limit(bindparam("most"))
_NEWEST, _OLDER = Fixed(_ALL), Fixed(_ALL.where(key.c.id < bindparam("before")))
# Ordered as the index of living names is, so that SQLite goes by that one and not over the revoked keys of the owner.
_LIVING = Fixed(
    _SELECT.where(key.c.tenant_id == bindparam("tenant_id"), key.c.owner_id == bindparam("owner_id"))
    .where(key.c.revoked_at.is_(None))
    .order_by(key.c.name_folded)
    .limit(bindparam("most"))
)
# The current secret comes first.
_SECRETS = (
    select(*[secret.c[column] for column in SECRET.columns], secret.c.key_id)
    .where(secret.c.tenant_id == bindparam("tenant_id"))
    .order_by(secret.c.ends_at.is_not(None), secret.c.created_at.desc())
)
_SECRETS_OF_ONE = Fixed(_SECRETS.where(secret.c.key_id == bindparam("key_id")))
_SECRETS_OF_MANY = Fixed(_SECRETS.where(among(secret.c.key_id, "key_ids")))
# Each pair of owner and name is one look into the index of living names. LATERAL keeps PostgreSQL to that: as long as
# it has no statistics, as during an import, it compares each pair with each key. SQLite finds no partner in a second
# list without walking over that.
_NAMES = {
    "sqlite": """
        SELECT k.owner_id, k.name_folded FROM json_each(:pairs) pair
        CROSS JOIN tokenry_key k ON k.tenant_id = :tenant_id
            AND k.owner_id = json_extract(pair.value, '$[0]') AND k.name_folded = json_extract(pair.value, '$[1]')
        WHERE k.revoked_at IS NULL
    """,
    "postgresql": """
        SELECT found.owner_id, found.name_folded
        FROM unnest(CAST(:owners AS text[]), CAST(:names AS text[])) AS asked(owner_id, name)
        CROSS JOIN LATERAL (
            SELECT k.owner_id, k.name_folded FROM tokenry_key k
            WHERE k.tenant_id = :tenant_id AND k.owner_id = asked.owner_id AND k.name_folded = asked.name
            AND k.revoked_at IS NULL LIMIT 1
        ) AS found
    """,
}
_TAKEN = {dialect: Fixed(text(sql), ("owner_id", "name_folded")) for dialect, sql in _NAMES.items()}
# By the ids: SQLite would rather walk over all keys of the tenant in the index of their owners.
_OF_KEYS = {
    "sqlite": """
        SELECT k.id, o.external_id FROM json_each(:ids) i
        CROSS JOIN tokenry_key k ON k.tenant_id = :tenant_id AND k.id = i.value
        CROSS JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
    """,
    "postgresql": """
        SELECT k.id, o.external_id FROM tokenry_key k
        JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
        WHERE k.tenant_id = :tenant_id AND k.id = ANY(CAST(:ids AS text[]))
    """,
}
_OWNERS = {dialect: Fixed(text(sql), ("id", "external_id")) for dialect, sql in _OF_KEYS.items()}


_EXPIRING = (
    select(tenant.c.slug, key.c.id)
    .join(tenant, tenant.c.id == key.c.tenant_id)
    .where(expires(bindparam("now", type_=BigInteger), bindparam("until")))
    .limit(bindparam("most"))
)
_NEVER_ANNOUNCED = Fixed(_EXPIRING.where(key.c.expiry_notice_days.is_(None)))
_ANNOUNCED = Fixed(_EXPIRING.where(key.c.expiry_notice_days == bindparam("last")))


def _not_announced(days: int) -> ColumnElement[bool]:
    return or_(key.c.expiry_notice_days.is_(None), key.c.expiry_notice_days > days)


_EVERY = KeyFilter()


class KeyRows:
    """Keys within one transaction."""

    def __init__(self, connection: Connection, documents: Documents) -> None:
        self._connection = connection
        self._documents = documents

    def insert(self, tenant: Tenant, keys: Sequence[tuple[str, Key]]) -> None:
        rows = [
            stored_row(
                {
                    **KEY.row(record),
                    "tenant_id": tenant.id,
                    "owner_id": owner_id,
                    "name_folded": folded(record.name),
                    # An imported key begins to be idle now: its last use in the old system is unknown.
                    "enabled_at": None if record.updated_at == record.created_at else record.updated_at,
                    "search": searchable(record.name, record.description),
                    "used_at": 0 if record.last_used_at is None else used_minute(micros(record.last_used_at)),
                }
            )
            for owner_id, record in keys
        ]
        _INSERT(self._connection, rows)
        for row in rows:
            self._documents.begin(tenant.id, row)

    def get(self, tenant: Tenant, id: str, now: datetime, *, lock: bool = False) -> Key | None:
        statement = _GET_LOCKED if lock else _GET
        rows = statement(self._connection, tenant_id=tenant.id, id=id)
        if lock and not rows:
            # While this waited for the lock, the key may have been handed over: PostgreSQL then joins its new row with
            # the row of its former owner, and finds nothing.
            rows = statement(self._connection, tenant_id=tenant.id, id=id)
        return self._records(tenant, rows, now)[0] if rows else None

    def by_kid(self, tenant: Tenant, kid: str, now: datetime) -> Key | None:
        rows = _BY_KID(self._connection, tenant_id=tenant.id, kid=kid)
        return self._records(tenant, rows, now)[0] if rows else None

    def list(
        self,
        tenant: Tenant,
        which: KeyFilter,
        now: datetime,
        *,
        before: str | None,
        until: str | None = None,
        limit: int,
    ) -> Sequence[Key]:
        """Return the newest keys that a filter means, between two ids: those in front of `before`, `until` included."""
        if which == _EVERY and until is None:
            statement = _NEWEST if before is None else _OLDER
            place = {} if before is None else {"before": before}
            rows = statement(self._connection, tenant_id=tenant.id, most=limit, **place)
            return self._records(tenant, rows, now)
        query = filtered(_SELECT.where(key.c.tenant_id == tenant.id), which, micros(now))
        query = between(query, before, until)
        return self._records(tenant, self._connection.execute(query.order_by(key.c.id.desc()).limit(limit)).all(), now)

    def reach(self, tenant: Tenant, which: KeyFilter, *, before: str | None) -> str | None:
        """Return the id at which a page of `list` ends, however few it has found; None when it may look at all."""
        owned = KeyFilter(owner_id=which.owner_id)
        if which == owned:
            return None
        query = filtered(select(key.c.id).where(key.c.tenant_id == tenant.id), owned, 0)
        return reach(self._connection, query if before is None else query.where(key.c.id < before), key.c.id)

    def sorted(
        self,
        tenant: Tenant,
        which: KeyFilter,
        now: datetime,
        sort: KeySort,
        *,
        after: KeyPlace | None,
        limit: int,
    ) -> tuple[Sequence[tuple[KeyPlace, Key]], KeyPlace | None]:
        """Return keys in an order, each with its place, and where the page ends if it may not look further."""
        columns = _SELECT.add_columns(key.c.used_at, key.c.name_folded)
        rows, end = sorted_page(self._connection, columns, tenant, which, micros(now), sort, after, limit)
        found = self._records(tenant, rows, now)
        return [(place_of(row, sort), one) for row, one in zip(rows, found, strict=True)], end

    def facets(self, tenant: Tenant, which: KeyFilter, now: datetime) -> KeyFacets:
        return facets_of(self._connection, tenant, which, micros(now))

    def expiring(
        self,
        tenant: Tenant,
        now: datetime,
        until: datetime,
        owner_id: str | None,
        *,
        after: Expiry | None,
        limit: int,
    ) -> tuple[Sequence[Key], Expiry | None]:
        """Return active keys by the moment of their expiry, and where the page ends if it may not look at all."""
        here = [key.c.tenant_id == tenant.id, *expires_between(micros(now), micros(until))]
        if owner_id is not None:
            here.append(key.c.owner_id == owner_id)
        if after is not None:
            at, id = after
            here += [key.c.expires_at >= at, (key.c.expires_at > at) | (key.c.id > id)]
        order = (key.c.expires_at, key.c.id)
        end = reached(self._connection, select(*order).where(*here).order_by(*order))
        query = _SELECT.where(*here, key.c.disabled_at.is_(None)).order_by(*order)
        if end is not None:
            at, id = end
            query = query.where(key.c.expires_at <= at, (key.c.expires_at < at) | (key.c.id <= id))
        found = self._records(tenant, self._connection.execute(query.limit(limit)).all(), now)
        return found, None if end is None else (end.expires_at, end.id)

    def taken(self, tenant: Tenant, names: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of some (owner id, folded name) pairs that a living key has."""
        pairs = list(names)
        given = {"pairs": pairs, "owners": [owner_id for owner_id, _ in pairs], "names": [name for _, name in pairs]}
        rows = _TAKEN[self._connection.dialect.name](self._connection, tenant_id=tenant.id, **given)
        return {(row.owner_id, row.name_folded) for row in rows}

    def update(
        self, tenant: Tenant, record: Key, values: Mapping[str, Any], now: datetime, *, version: int | None
    ) -> bool:
        """Write changed fields; with `version` only if the key still has it. Return whether a row was changed."""
        row = stored_row(values)
        if "name" in row or "description" in row:
            row["search"] = searchable(*(row.get(field, getattr(record, field)) for field in ("name", "description")))
        if "name" in row:
            row["name_folded"] = folded(row["name"])
        if "expires_at" in row and values["expires_at"] != record.expires_at:
            row["expiry_notice_days"] = None
        if "max_idle" in row and values["max_idle"] != record.max_idle:
            row["idle_notice_at"] = None
        row |= {"updated_at": micros(now), "of_tenant": tenant.id, "of_key": record.id}
        if version is None:
            written = _UPDATE(self._connection, row) == 1
        else:
            written = _UPDATE_VERSION(self._connection, {**row, "of_version": version}) == 1
        if written:
            self._documents.change(tenant.id, record.id, row)
        return written

    def agree(self, tenant: Tenant, id: str, values: Mapping[str, Any]) -> None:
        """Make sure that verifications know what was asked for when the row of a key says so already."""
        row, rows = stored_row(values), _GET_LOCKED(self._connection, tenant_id=tenant.id, id=id)
        if rows and all(getattr(rows[0], name) == value for name, value in row.items()):
            self._documents.agree(tenant.id, id, row)

    def living(self, tenant: Tenant, owner_id: str, now: datetime, limit: int) -> Sequence[Key]:
        """Return keys of an owner that are not revoked, in no order."""
        return self._records(tenant, _LIVING(self._connection, tenant_id=tenant.id, owner_id=owner_id, most=limit), now)

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
    ) -> Sequence[str]:
        """Return ids of keys that ended before a moment, between two ids as `list` does.

        Those of `ids` are locked, in the order in which `list` gives keys.
        """
        ended: Any = []
        if expired_before is not None:
            ended.append(key.c.revoked_at.is_(None) & (key.c.expires_at < micros(expired_before)))
        if revoked_before is not None:
            ended.append(key.c.revoked_at < micros(revoked_before))
        query = between(select(key.c.id).where(key.c.tenant_id == tenant.id, or_(*ended)), before, until)
        if ids is not None:
            query = query.where(key.c.id.in_(ids)).with_for_update()
        return self._connection.execute(query.order_by(key.c.id.desc()).limit(limit)).scalars().all()

    def owners(self, tenant: Tenant, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the external id of the owner of each key."""
        rows = _OWNERS[self._connection.dialect.name](self._connection, tenant_id=tenant.id, ids=list(ids))
        return {row.id: row.external_id for row in rows}

    def delete(self, tenant: Tenant, ids: Sequence[str]) -> None:
        """Remove keys with their secrets, usage, counters and credits; their import rows are marked as ended."""
        counter = limit_counter.c
        counters = select(counter.name).where(counter.tenant_id == tenant.id, counter.holder_id.in_(ids))
        # In the order in which leases lock them: or a lease and this wait for each other.
        self._connection.execute(counters.order_by(counter.holder_id, counter.name).with_for_update())
        tables = (secret, decoy, scope_use, refusal, usage_hour, usage_day, credit, credit_hold)
        of_key = [table.c.key_id for table in tables]
        for column in (*of_key, limit_counter.c.holder_id):
            table = column.table
            self._connection.execute(delete(table).where(table.c.tenant_id == tenant.id, column.in_(ids)))
        used = update(foreign).where(foreign.c.tenant_id == tenant.id, foreign.c.key_id.in_(ids))
        used = used.where(foreign.c.sealed.is_(None))  # an old hash stays as it is: it knows the key again
        self._connection.execute(used.values(hint=literal("-") + foreign.c.kid))
        self._connection.execute(delete(key).where(key.c.tenant_id == tenant.id, key.c.id.in_(ids)))

    def unannounced(self, days: int, last: int | None, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Return (tenant slug, key id) of keys that expire within `days`, of those whose last notice was `last`.

        Every tenant is looked at: this is for the upkeep of the installation, never for a tenant's request.
        """
        at = micros(now)
        given = {"now": at, "until": at + days * 86_400_000_000, "most": limit}
        if last is None:
            found = _NEVER_ANNOUNCED(self._connection, **given)
        else:
            found = _ANNOUNCED(self._connection, **given, last=last)
        return [(row.slug, row.id) for row in found]

    def announce(self, tenant: Tenant, ids: Sequence[str], days: int) -> Sequence[str]:
        """Note that the expiry of keys is announced; return those of which it was not before."""
        these = select(key.c.id).where(key.c.tenant_id == tenant.id, key.c.id.in_(ids), _not_announced(days))
        found = self._connection.execute(these.order_by(key.c.id.desc()).with_for_update()).scalars().all()
        here = update(key).where(key.c.tenant_id == tenant.id, key.c.id.in_(found))
        self._connection.execute(here.values(expiry_notice_days=days))
        return found

    def _records(self, tenant: Tenant, rows: Sequence[Any], now: datetime) -> Sequence[Key]:
        secrets: dict[str, list[SecretInfo]] = {row.id: [] for row in rows}
        if len(rows) == 1:
            found = _SECRETS_OF_ONE(self._connection, tenant_id=tenant.id, key_id=rows[0].id)
        else:
            found = _SECRETS_OF_MANY(self._connection, tenant_id=tenant.id, key_ids=list(secrets)) if rows else []
        for row in found:
            secrets[row.key_id].append(SECRET.record(row))
        for id, info in decoy_secrets(self._connection, tenant.id, [row.id for row in rows if row.decoy]):
            secrets[id].append(info)
        at = micros(now)
        return [key_of(tenant, row, secrets[row.id], now, at) for row in rows]
