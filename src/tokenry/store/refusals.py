"""The last refusals of keys, in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec.json import encode
from sqlalchemy import Connection, Select, insert, select, text

from tokenry.core.model import Tenant, moment
from tokenry.core.records import texts
from tokenry.core.refusals import KEPT, NotedRefusal, Refusal

from .fixed import Fixed, FixedWrite, among
from .json_rows import json_rows
from .tables import key, owner, refusal, secret

_PLACES = Fixed(select(secret.c.kid, secret.c.tenant_id, secret.c.key_id).where(among(secret.c.kid, "kids")))
_SHOWN = ("id", "at", "code", "ip", "scopes", "request_id")
_ALL = (
    select(*[refusal.c[name] for name in _SHOWN], refusal.c.key_id, owner.c.external_id)
    .join(key, (key.c.tenant_id == refusal.c.tenant_id) & (key.c.id == refusal.c.key_id))
    .join(owner, (owner.c.tenant_id == key.c.tenant_id) & (owner.c.id == key.c.owner_id))
)
_INSERT = FixedWrite(insert(refusal))
_WRITTEN = json_rows("keys", tenant_id="text", key_id="text")
# They look only at the keys that were just written. On PostgreSQL rows that another process removes are left to it: two
# processes that wait for each other deadlock, and lose what they had to write.
_OLDER = {
    "sqlite": """
        SELECT r.tenant_id, r.id FROM ({written}) AS written
        JOIN tokenry_refusal r ON r.tenant_id = written.tenant_id AND r.key_id = written.key_id AND r.id < (
            SELECT id FROM tokenry_refusal WHERE tenant_id = written.tenant_id AND key_id = written.key_id
            ORDER BY id DESC LIMIT 1 OFFSET :kept - 1
        )
    """,
    "postgresql": """
        SELECT tenant_id, id FROM tokenry_refusal WHERE (tenant_id, id) IN (
            SELECT tenant_id, id FROM (
                SELECT r.tenant_id, r.id,
                    row_number() OVER (PARTITION BY r.tenant_id, r.key_id ORDER BY r.id DESC) AS place
                FROM ({written}) AS written
                JOIN tokenry_refusal r ON r.tenant_id = written.tenant_id AND r.key_id = written.key_id
            ) AS refused WHERE place > :kept
        ) FOR UPDATE SKIP LOCKED
    """,
}
_REMOVE = "DELETE FROM tokenry_refusal WHERE (tenant_id, id) IN ({older})"
_REMOVE_OLDER = {
    dialect: FixedWrite(
        text(_REMOVE.format(older=older.format(written=_WRITTEN[dialect]))),
        *("keys", "kept"),
    )
    for dialect, older in _OLDER.items()
}


class RefusalRows:
    """Refusals within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, noted: Sequence[tuple[str, NotedRefusal]]) -> None:
        """Write refusals, each with a new id, and remove the oldest of their keys."""
        kids = [one.kid for _, one in noted]
        places = {row.kid: row for row in _PLACES(self._connection, kids=kids)}
        rows = [
            {
                "id": id,
                "tenant_id": places[one.kid].tenant_id,
                "key_id": places[one.kid].key_id,
                "at": one.at,
                "code": one.code,
                "ip": one.ip,
                "scopes": json.dumps(one.scopes),
                "request_id": one.request_id,
            }
            for id, one in noted
            if one.kid in places
        ]
        if rows:
            _INSERT(self._connection, rows)
            keys = sorted({(row["tenant_id"], row["key_id"]) for row in rows})
            _REMOVE_OLDER[self._connection.dialect.name](
                self._connection, {"keys": encode(keys).decode(), "kept": KEPT}
            )

    def list(
        self, tenant: Tenant, *, key_id: str | None, owner_id: str | None, before: str | None, limit: int
    ) -> Sequence[Refusal]:
        """Return the last refusals of a key, an owner or a tenant, the newest first."""
        query = _of(tenant, owner_id)
        if key_id is not None:
            query = query.where(refusal.c.key_id == key_id)
        if before is not None:
            query = query.where(refusal.c.id < before)
        return list(map(_record, self._connection.execute(query.order_by(refusal.c.id.desc()).limit(limit))))

    def of_request(self, tenant: Tenant, request_id: str, owner_id: str | None) -> Refusal | None:
        """Return the last refusal of a request."""
        query = _of(tenant, owner_id).where(refusal.c.request_id == request_id).order_by(refusal.c.id.desc())
        row = self._connection.execute(query.limit(1)).first()
        return None if row is None else _record(row)


def _of(tenant: Tenant, owner_id: str | None) -> Select[Any]:
    query = _ALL.where(refusal.c.tenant_id == tenant.id)
    return query if owner_id is None else query.where(key.c.owner_id == owner_id)


def _record(row: Any) -> Refusal:
    return Refusal(
        id=row.id,
        key=row.key_id,
        owner=row.external_id,
        code=row.code,
        at=moment(row.at),
        ip=row.ip,
        scopes=texts(row.scopes),
        request_id=row.request_id,
    )
