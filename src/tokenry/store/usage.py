"""Usage in SQL: what was counted in memory is added here in batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, Update, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tokenry.core.model import Tenant, UsageHour, micros, moment
from tokenry.core.ports import Spent

from .tables import key, secret, usage_hour


def _use(table: Table) -> Update:
    """Add to the count and note the last use, which never moves backwards."""
    columns = table.c
    newer = columns.last_used_at.is_(None) | (columns.last_used_at <= bindparam("at"))
    return update(table).values(
        use_count=columns.use_count + bindparam("uses"),
        last_used_at=case((newer, bindparam("at")), else_=columns.last_used_at),
        last_used_ip=case((newer, bindparam("from_ip")), else_=columns.last_used_ip),
    )


_USE_SECRET = _use(secret).where(secret.c.kid == bindparam("of_kid"))
_USE_KEY = _use(key).where(key.c.tenant_id == bindparam("of_tenant"), key.c.id == bindparam("of_key"))
_UNUSED = select(key.c.id, key.c.tenant_id).where(key.c.last_used_at.is_(None))
_HOURS = (
    select(usage_hour.c.at, usage_hour.c.code, usage_hour.c.count)
    .where(usage_hour.c.tenant_id == bindparam("tenant_id"), usage_hour.c.key_id == bindparam("key_id"))
    .where(usage_hour.c.at >= bindparam("since"))
    .order_by(usage_hour.c.at, usage_hour.c.code)
)
_ADD = {
    dialect: insert(usage_hour).on_conflict_do_update(
        index_elements=["tenant_id", "key_id", "at", "code"],
        set_={"count": usage_hour.c.count + insert(usage_hour).excluded.count},
    )
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


class UsageRows:
    """Usage within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, spent: Sequence[Spent]) -> Sequence[Spent]:
        """Write what was counted; return those whose key was used for the first time."""
        used = [s for s in spent if s.last_used_at is not None]
        first = self._first(used)
        if used:
            uses = [{"uses": s.counts["valid"], "at": s.last_used_at, "from_ip": s.last_used_ip} for s in used]
            self._connection.execute(_USE_SECRET, [{**u, "of_kid": s.kid} for u, s in zip(uses, used, strict=True)])
            of_key = [{"of_tenant": s.tenant_id, "of_key": s.key_id} for s in used]
            self._connection.execute(_USE_KEY, [{**u, **k} for u, k in zip(uses, of_key, strict=True)])
        hours = [
            {"tenant_id": s.tenant_id, "key_id": s.key_id, "at": s.hour, "code": code, "count": count}
            for s in spent
            for code, count in s.counts.items()
        ]
        self._connection.execute(_ADD[self._connection.dialect.name], hours)
        return first

    def list(self, tenant: Tenant, key_id: str, since: datetime) -> Sequence[UsageHour]:
        wanted = {"tenant_id": tenant.id, "key_id": key_id, "since": micros(since)}
        rows = self._connection.execute(_HOURS, wanted)
        return [UsageHour(key_id, moment(at), code, count) for at, code, count in rows]

    def _first(self, used: Sequence[Spent]) -> Sequence[Spent]:
        by_key = {s.key_id: s for s in used}
        first: list[Spent] = []
        ids = list(by_key)
        for start in range(0, len(ids), 500):
            query = _UNUSED.where(key.c.id.in_(ids[start : start + 500]))
            first.extend(by_key[row.id] for row in self._connection.execute(query))
        return first
