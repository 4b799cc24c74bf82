"""Keys under watch, in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import json
from sqlalchemy import Connection, bindparam, func, insert, select, text

from tokenry.core.model import SecretInfo, Tenant, micros, moment
from tokenry.core.ports import SecretRow, Spent
from tokenry.core.scopes import asked_of
from tokenry.core.watch_ports import Decoy, ScopeUse

from .fixed import Fixed, FixedWrite, among
from .json_rows import json_rows
from .tables import decoy, key, notice, owner, scope_use, tenant

_HOUR = 3_600_000_000
_FIRST = text("""
    INSERT INTO tokenry_notice (tenant_id, subject, about, hour) VALUES (:tenant_id, :subject, :about, :hour)
    ON CONFLICT DO NOTHING
""")


_INSERT_DECOY = FixedWrite(insert(decoy))
_DECOYS = Fixed(
    select(decoy.c.kid, tenant.c.slug.label("tenant"), decoy.c.key_id, owner.c.external_id.label("owner"))
    .select_from(decoy)
    .join(key, (key.c.tenant_id == decoy.c.tenant_id) & (key.c.id == decoy.c.key_id))
    .join(owner, (owner.c.tenant_id == key.c.tenant_id) & (owner.c.id == key.c.owner_id))
    .join(tenant, tenant.c.id == key.c.tenant_id)
    .where(among(decoy.c.kid, "kids"), key.c.revoked_at.is_(None), key.c.disabled_at.is_(None))
    .where(key.c.expires_at.is_(None) | (key.c.expires_at > bindparam("now")))
)
_OF_KEYS = Fixed(
    select(decoy.c.kid, decoy.c.key_id, decoy.c.created_at).where(
        decoy.c.tenant_id == bindparam("tenant_id"), among(decoy.c.key_id, "key_ids")
    )
)


_ASKED = json_rows("rows", kid="text", scope="text", at="bigint")
# In the order of the primary key, so that two flushes never wait for each other in a ring. `true` is for SQLite, which
# otherwise takes ON CONFLICT for the condition of a join.
_WRITE_ASKED = {
    dialect: FixedWrite(
        text(f"""
        INSERT INTO tokenry_scope_use (tenant_id, key_id, scope, first_at, last_at)
        SELECT s.tenant_id, s.key_id, asked.scope, MIN(asked.at), MAX(asked.at)
        FROM ({asked}) AS asked JOIN tokenry_secret s ON s.kid = asked.kid
        WHERE true GROUP BY s.tenant_id, s.key_id, asked.scope ORDER BY s.tenant_id, s.key_id, asked.scope
        ON CONFLICT (tenant_id, key_id, scope) DO UPDATE SET last_at = excluded.last_at
        WHERE tokenry_scope_use.last_at < excluded.last_at
    """),  # noqa: S608 of constants
        "rows",
    )
    for dialect, asked in _ASKED.items()
}


def write_asked(connection: Connection, spent: Sequence[Spent]) -> None:
    """Write which of their scopes keys were asked for."""
    rows = [[one.kid, scope, one.last_used_at] for one in spent for scope in asked_of(one.own_scopes, one.unwritten)]
    _WRITE_ASKED[connection.dialect.name](connection, {"rows": json.encode(rows).decode()})


_SCOPE_USES = Fixed(
    select(scope_use.c.key_id, scope_use.c.scope, scope_use.c.first_at, scope_use.c.last_at).where(
        scope_use.c.tenant_id == bindparam("tenant_id"), among(scope_use.c.key_id, "key_ids")
    )
)


def decoy_secrets(connection: Connection, tenant_id: str, key_ids: Sequence[str]) -> Iterator[tuple[str, SecretInfo]]:
    """Yield the key id of each decoy, and the public details of its secret."""
    for row in _OF_KEYS(connection, tenant_id=tenant_id, key_ids=list(key_ids)) if key_ids else ():
        made: Any = {"kid": row.kid, "created_at": moment(row.created_at), "ends_at": None}
        yield row.key_id, SecretInfo(**made, last_used_at=None, last_used_ip=None, use_count=0)


class WatchRows:
    """Keys under watch, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_decoys(self, tenant: Tenant, decoys: Sequence[SecretRow]) -> None:
        """Write the secrets of decoys, of which nothing is kept but their kids."""
        at = {"tenant_id": tenant.id}
        rows = [{**at, "kid": one.kid, "key_id": one.key_id, "created_at": micros(one.created_at)} for one in decoys]
        _INSERT_DECOY(self._connection, rows)

    def decoys(self, kids: Sequence[str], now: datetime) -> Sequence[Decoy]:
        """Return those of some kids that are active decoys, of any tenant: this is for upkeep."""
        return [Decoy(*row) for row in _DECOYS(self._connection, kids=list(kids), now=micros(now))]

    def decoy_of(self, tenant: Tenant, kid: str) -> str | None:
        """Return the id of the key whose decoy has a kid."""
        return self._connection.execute(
            select(decoy.c.key_id).where(decoy.c.tenant_id == tenant.id, decoy.c.kid == kid)
        ).scalar()

    def count_notices(self, tenant: Tenant, subject: str, now: datetime) -> int:
        """Count the notices about a key or session in this hour."""
        hour = micros(now) // _HOUR * _HOUR
        here = (notice.c.tenant_id == tenant.id, notice.c.subject == subject, notice.c.hour == hour)
        return int(self._connection.execute(select(func.count()).select_from(notice).where(*here)).scalar_one())

    def asked_scopes(self, tenant: Tenant, key_ids: Sequence[str]) -> Mapping[str, Sequence[ScopeUse]]:
        """Return which scopes keys were asked for, by the ids of the keys."""
        found: dict[str, list[ScopeUse]] = {}
        for row in _SCOPE_USES(self._connection, tenant_id=tenant.id, key_ids=list(key_ids)):
            use = ScopeUse(row.scope, moment(row.first_at), moment(row.last_at))
            found.setdefault(row.key_id, []).append(use)
        return found

    def first_notice(self, tenant: Tenant, subject: str, about: str, now: datetime) -> bool:
        """Note a notice about a key or session; return whether it is the first of its kind in this hour."""
        given = {"tenant_id": tenant.id, "subject": subject, "about": about, "hour": micros(now) // _HOUR * _HOUR}
        return self._connection.execute(_FIRST, given).rowcount == 1
