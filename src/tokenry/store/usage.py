"""Usage in SQL: what was counted in memory is added here in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from msgspec import json
from sqlalchemy import Connection, bindparam, func, select, text

from tokenry.core.model import Tenant, UsageHour, micros, moment
from tokenry.core.ports import Spent

from .tables import secret, usage_hour

_IDS = 500
_SPENT = """
    SELECT json_extract(value, '$[0]') AS kid, json_extract(value, '$[1]') AS uses, json_extract(value, '$[2]') AS at,
        json_extract(value, '$[3]') AS ip
    FROM json_each(:rows)
"""
_SPENT_POSTGRES = """
    SELECT value->>0 AS kid, CAST(value->>1 AS bigint) AS uses, CAST(value->>2 AS bigint) AS at, value->>3 AS ip
    FROM json_array_elements(CAST(:rows AS json))
"""
_USE = """
    UPDATE tokenry_secret SET
        use_count = use_count + spent.uses,
        last_used_ip = CASE WHEN COALESCE(last_used_at, 0) <= spent.at THEN spent.ip ELSE last_used_ip END,
        last_used_at = CASE WHEN COALESCE(last_used_at, 0) <= spent.at THEN spent.at ELSE last_used_at END
    FROM ({spent}) AS spent WHERE tokenry_secret.kid = spent.kid
"""
_COUNTED = """
    SELECT json_extract(value, '$[0]') AS tenant_id, json_extract(value, '$[1]') AS key_id,
        json_extract(value, '$[2]') AS at, json_extract(value, '$[3]') AS code, json_extract(value, '$[4]') AS count
    FROM json_each(:rows)
"""
_COUNTED_POSTGRES = """
    SELECT value->>0 AS tenant_id, value->>1 AS key_id, CAST(value->>2 AS bigint) AS at, value->>3 AS code,
        CAST(value->>4 AS bigint) AS count
    FROM json_array_elements(CAST(:rows AS json))
"""
_COUNT = """
    INSERT INTO tokenry_usage_hour (tenant_id, key_id, at, code, count)
    SELECT counted.tenant_id, counted.key_id, counted.at, counted.code, counted.count FROM ({counted}) AS counted
    WHERE EXISTS (SELECT 1 FROM tokenry_key WHERE tenant_id = counted.tenant_id AND id = counted.key_id)
    ON CONFLICT (tenant_id, key_id, at, code) DO UPDATE SET count = tokenry_usage_hour.count + excluded.count
"""
# Takes the locks in one order, so that two processes that flush at once never lock each other up. Whoever deletes a key
# deletes its secrets first: either it waits for us and then deletes what we count here, or we wait and see no key.
_LOCK = text("""
    SELECT 1 FROM tokenry_secret WHERE kid IN (SELECT json_array_elements_text(CAST(:kids AS json)))
    ORDER BY kid FOR NO KEY UPDATE
""")
_USED = {"sqlite": text(_USE.format(spent=_SPENT)), "postgresql": text(_USE.format(spent=_SPENT_POSTGRES))}
_HOURLY = {
    "sqlite": text(_COUNT.format(counted=_COUNTED)),
    "postgresql": text(_COUNT.format(counted=_COUNTED_POSTGRES)),
}
_USES = (
    select(secret.c.key_id, func.sum(secret.c.use_count).label("uses"))
    .where(secret.c.tenant_id == bindparam("tenant_id"), secret.c.key_id.in_(bindparam("ids", expanding=True)))
    .group_by(secret.c.key_id)
)
_HOURS = (
    select(usage_hour.c.at, usage_hour.c.code, usage_hour.c.count)
    .where(usage_hour.c.tenant_id == bindparam("tenant_id"), usage_hour.c.key_id == bindparam("key_id"))
    .where(usage_hour.c.at >= bindparam("since"))
    .order_by(usage_hour.c.at, usage_hour.c.code)
)


class UsageRows:
    """Usage within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, spent: Sequence[Spent]) -> Sequence[Spent]:
        """Write what was counted of keys that still exist; return those that were used for the first time.

        All rows travel as one JSON text: the database works on them while verifications go on, where a statement for
        each would hand the interpreter's lock to and fro between the two threads.
        """
        used: dict[str, Spent] = {}
        for one in sorted(spent, key=attrgetter("hour")):
            if one.last_used_at is not None:
                used[one.kid] = one
        uses: Counter[str] = Counter()
        hours: Counter[tuple[str, str, int, str]] = Counter()
        for one in spent:
            uses[one.kid] += one.counts.get("valid", 0)
            for code, count in one.counts.items():
                hours[one.tenant_id, one.key_id, one.hour, code] += count
        last = [(kid, uses[kid], one.last_used_at, one.last_used_ip) for kid, one in used.items()]
        counted = [(*place, count) for place, count in sorted(hours.items())]
        dialect = self._connection.dialect.name
        if dialect == "postgresql":
            self._connection.execute(_LOCK, {"kids": _json(sorted(uses))})
        self._connection.execute(_USED[dialect], {"rows": _json(last)})
        self._connection.execute(_HOURLY[dialect], {"rows": _json(counted)})
        return self._first(list(used.values()), spent)

    def list(self, tenant: Tenant, key_id: str, since: datetime) -> Sequence[UsageHour]:
        wanted = {"tenant_id": tenant.id, "key_id": key_id, "since": micros(since)}
        rows = self._connection.execute(_HOURS, wanted)
        return [UsageHour(key_id, moment(at), code, count) for at, code, count in rows]

    def _first(self, used: Sequence[Spent], spent: Sequence[Spent]) -> Sequence[Spent]:
        """Return those whose keys have no uses but these. Asked once they are written: nobody else is at it then."""
        fresh = {(one.tenant_id, one.key_id) for one in spent if one.unused}
        unused = {(one.tenant_id, one.key_id): one for one in used if (one.tenant_id, one.key_id) in fresh}
        added: Counter[tuple[str, str]] = Counter()
        for one in spent:
            added[one.tenant_id, one.key_id] += one.counts.get("valid", 0)
        first = []
        for tenant_id in {tenant_id for tenant_id, _ in unused}:
            ids = [key_id for of_tenant, key_id in unused if of_tenant == tenant_id]
            for start in range(0, len(ids), _IDS):
                wanted = {"tenant_id": tenant_id, "ids": ids[start : start + _IDS]}
                for row in self._connection.execute(_USES, wanted):
                    if row.uses == added[tenant_id, row.key_id]:
                        first.append(unused[tenant_id, row.key_id])
        return first


def _json(rows: Sequence[Any]) -> str:
    return json.encode(rows).decode()
