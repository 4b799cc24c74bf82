"""Usage in SQL: counts from memory are added here in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import json
from sqlalchemy import Connection, bindparam, delete, select, text, tuple_

from tokenry.core.model import Tenant, UsageHour, micros, moment
from tokenry.core.ports import FirstUse, Spent
from tokenry.core.usage_groups import UsageAsked, UsageSummary

from .fixed import Fixed, FixedWrite
from .json_rows import ARRAYS, json_rows
from .tables import usage_day, usage_hour
from .usage_summary import summary_of
from .watch import write_asked

_SPENT = json_rows("rows", kid="text", uses="bigint", at="bigint", ip="text")
_USE = """
    UPDATE tokenry_secret SET
        use_count = use_count + spent.uses,
        last_used_ip = CASE WHEN COALESCE(last_used_at, 0) <= spent.at THEN spent.ip ELSE last_used_ip END,
        last_used_at = CASE WHEN COALESCE(last_used_at, 0) <= spent.at THEN spent.at ELSE last_used_at END
    FROM ({spent}) AS spent WHERE tokenry_secret.kid = spent.kid
"""
_COUNTED = json_rows("rows", kid="text", at="bigint", code="text", count="bigint")
# Before the secrets are written, whose last use tells for most keys that there is nothing to move. Those that others
# have locked are left out, so that this never waits: they move up with a use in a later minute.
_MOVE = """
    UPDATE tokenry_key SET used_at = used.at FROM (
        SELECT s.tenant_id, s.key_id, MAX(spent.at - spent.at % 60000000) AS at
        FROM ({spent}) AS spent JOIN tokenry_secret s ON s.kid = spent.kid
        WHERE COALESCE(s.last_used_at, 0) < spent.at - spent.at % 60000000 GROUP BY s.tenant_id, s.key_id
    ) AS used
    WHERE tokenry_key.tenant_id = used.tenant_id AND tokenry_key.id = used.key_id
        AND tokenry_key.used_at < used.at{free}
"""
_FREE = """
    AND tokenry_key.id IN (
        SELECT k.id FROM tokenry_key k JOIN tokenry_secret s ON s.tenant_id = k.tenant_id AND s.key_id = k.id
        JOIN ({spent}) AS spent ON spent.kid = s.kid WHERE k.used_at < spent.at - spent.at % 60000000
        FOR NO KEY UPDATE OF k SKIP LOCKED
    )
"""
_COUNT = """
    INSERT INTO tokenry_usage_hour (tenant_id, key_id, at, code, count)
    SELECT s.tenant_id, s.key_id, counted.at, counted.code, SUM(counted.count)
    FROM ({counted}) AS counted JOIN tokenry_secret s ON s.kid = counted.kid
    GROUP BY s.tenant_id, s.key_id, counted.at, counted.code
    ON CONFLICT (tenant_id, key_id, at, code) DO UPDATE SET count = tokenry_usage_hour.count + excluded.count
"""
# A transaction that changes a key locks its secrets, and a host may keep its transaction open. Counts of locked
# secrets are written later, so that no flush waits for a host. A deletion removes the secrets of a key first: it
# waits for these locks and then removes the counts, or it was first, and the next flush sees no secret.
_LOCK = """
    SELECT kid FROM tokenry_secret WHERE kid IN (SELECT json_array_elements_text(CAST(:kids AS json)))
    ORDER BY kid FOR NO KEY UPDATE{}
"""
_LOCK_ALL, _LOCK_FREE = text(_LOCK.format("")), text(_LOCK.format(" SKIP LOCKED"))
_GONE = text("""
    SELECT kid FROM json_array_elements_text(CAST(:kids AS json)) AS asked (kid)
    WHERE NOT EXISTS (SELECT FROM tokenry_secret s WHERE s.kid = asked.kid)
""")
_FRESH = {
    "sqlite": "SELECT value AS kid FROM json_each(:kids)",
    "postgresql": "SELECT json_array_elements_text(CAST(:kids AS json)) AS kid",
}
# Of the keys of some secrets: every secret that was ever used, with its uses. One row of JSON, as above.
_USES = """
    SELECT CAST({array_of}({array}(s.tenant_id, s.key_id, s.kid, s.use_count)) AS text)
    FROM ({fresh}) AS fresh JOIN tokenry_secret f ON f.kid = fresh.kid
    JOIN tokenry_secret s ON s.tenant_id = f.tenant_id AND s.key_id = f.key_id
    WHERE s.use_count > 0
"""
_USED = {dialect: FixedWrite(text(_USE.format(spent=spent)), "rows") for dialect, spent in _SPENT.items()}
_LOCKS = {"sqlite": "", "postgresql": _FREE}
_MOVED = {
    dialect: FixedWrite(text(_MOVE.format(spent=spent, free=_LOCKS[dialect].format(spent=spent))), "rows")
    for dialect, spent in _SPENT.items()
}
_HOURLY = {dialect: FixedWrite(text(_COUNT.format(counted=rows)), "rows") for dialect, rows in _COUNTED.items()}
_FIRST = {
    dialect: Fixed(text(_USES.format(fresh=fresh, **ARRAYS[dialect])), ("found",)) for dialect, fresh in _FRESH.items()
}
_PLACE = (usage_hour.c.tenant_id, usage_hour.c.key_id, usage_hour.c.at, usage_hour.c.code)
_HOURS, _DAYS = [
    select(table.c.at, table.c.code, table.c.count)
    .where(table.c.tenant_id == bindparam("tenant_id"), table.c.key_id == bindparam("key_id"))
    .where(table.c.at >= bindparam("since"))
    .order_by(table.c.at, table.c.code)
    for table in (usage_hour, usage_day)
]
_OVER = (
    select(*_PLACE, usage_hour.c.count)
    .where(usage_hour.c.at < bindparam("before"))
    .order_by(usage_hour.c.at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_DAY = 86_400_000_000
_OLD = json_rows("rows", tenant_id="text", key_id="text", at="bigint", code="text", count="bigint")
_INTO_DAY = """
    INSERT INTO tokenry_usage_day (tenant_id, key_id, at, code, count)
    SELECT tenant_id, key_id, at - at % {day}, code, SUM(count) FROM ({old}) AS old
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (tenant_id, key_id, at, code) DO UPDATE SET count = tokenry_usage_day.count + excluded.count
"""
_REMOVE = """
    DELETE FROM tokenry_usage_hour
    WHERE (tenant_id, key_id, at, code) IN (SELECT tenant_id, key_id, at, code FROM ({old}) AS old)
"""
_ROLLED_UP = {
    dialect: [FixedWrite(text(change.format(old=old, day=_DAY)), "rows") for change in (_INTO_DAY, _REMOVE)]
    for dialect, old in _OLD.items()
}


class UsageRows:
    """Usage within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, spent: Sequence[Spent], *, wait: bool) -> tuple[Sequence[FirstUse], Sequence[Spent]]:
        """Write the counts of secrets that still exist.

        Return the keys that were used for the first time, and without `wait` the counts to write later, because other
        transactions have locked their rows.

        All rows travel as one JSON text: the database works on them while verifications go on, where a statement for
        each would hand the interpreter's lock to and fro between the two threads.
        """
        dialect = self._connection.dialect.name
        later: Sequence[Spent] = ()
        if dialect == "postgresql":
            locked = self._locked({one.kid for one in spent}, wait=wait)
            later = [one for one in spent if one.kid in locked]
            spent = [one for one in spent if one.kid not in locked] if later else spent
        uses: dict[str, int] = {}
        last: dict[str, tuple[int, str | None]] = {}
        counted: list[tuple[str, int, str, int]] = []
        for one in spent:
            kid, at = one.kid, one.last_used_at
            if at is not None:
                uses[kid] = uses.get(kid, 0) + one.valid
                if kid not in last or last[kid][0] <= at:
                    last[kid] = at, one.last_used_ip
                counted.append((kid, one.hour, "valid", one.valid))
            for code, count in (one.refused or {}).items():
                counted.append((kid, one.hour, code, count))
        used = [(kid, count, *last[kid]) for kid, count in uses.items()]
        rows = {"rows": _json(used)}
        _MOVED[dialect](self._connection, rows)
        _USED[dialect](self._connection, rows)
        _HOURLY[dialect](self._connection, {"rows": _json(counted)})
        if asked := [one for one in spent if one.unwritten]:
            write_asked(self._connection, asked)
        return self._first([one.kid for one in spent if one.unused], uses), later

    def _locked(self, kids: set[str], *, wait: bool) -> set[str]:
        """Lock the rows of secrets; return those that others have locked."""
        rows = self._connection.execute(_LOCK_ALL if wait else _LOCK_FREE, {"kids": _json(sorted(kids))})
        missing = kids.difference(rows.scalars())
        if missing:
            missing.difference_update(self._connection.execute(_GONE, {"kids": _json(sorted(missing))}).scalars())
        return missing

    def delete(self, tenant: Tenant, key_ids: Sequence[str], limit: int) -> int:
        """Remove some of the usage of keys; return how many rows."""
        count = 0
        for table in (usage_hour, usage_day):
            place = [table.c[column.name] for column in _PLACE]
            these = select(*place).where(table.c.tenant_id == tenant.id, table.c.key_id.in_(key_ids))
            statement = delete(table).where(tuple_(*place).in_(these.limit(limit - count)))
            count += self._connection.execute(statement).rowcount
        return count

    def list(self, tenant: Tenant, key_id: str, since: datetime, days_before: datetime) -> Sequence[UsageHour]:
        """Return the usage of a key since a moment: by the day before `days_before`, then by the hour.

        It is the same whether the hours of a day have been added up by now or not.
        """
        wanted = {"tenant_id": tenant.id, "key_id": key_id}
        limit, begin = micros(days_before), micros(since)
        if begin < limit:
            begin -= begin % _DAY
        days: dict[tuple[int, str], int] = {}
        hours = self._connection.execute(_HOURS, {**wanted, "since": begin}).all()
        for at, code, count in (*self._connection.execute(_DAYS, {**wanted, "since": begin}), *hours):
            if at < limit:
                day = at - at % _DAY, code
                days[day] = days.get(day, 0) + count
        by_day = [UsageHour(key_id, moment(at), code, count, 24) for (at, code), count in sorted(days.items())]
        return by_day + [UsageHour(key_id, moment(at), code, count) for at, code, count in hours if at >= limit]

    def summary(self, tenant: Tenant, asked: UsageAsked) -> UsageSummary:
        """Add up the usage that is asked for."""
        return summary_of(self._connection, tenant, asked)

    def roll_up(self, before: datetime, limit: int) -> int:
        """Add some hours before a moment up into days; return how many rows there were."""
        rows = self._connection.execute(_OVER, {"before": micros(before), "most": limit}).all()
        if rows:
            old = {"rows": _json([tuple(row) for row in rows])}
            for change in _ROLLED_UP[self._connection.dialect.name]:
                change(self._connection, old)
        return len(rows)

    def _first(self, fresh: Sequence[str], uses: Mapping[str, int]) -> Sequence[FirstUse]:
        """Return the keys that have no uses but these. Asked once they are written: nobody else is at it then."""
        if not fresh:
            return ()
        first: dict[FirstUse, bool] = {}
        found = _FIRST[self._connection.dialect.name].first(self._connection, kids=_json(fresh)).found
        for tenant_id, key_id, kid, count in json.decode(found or "[]"):
            key = FirstUse(tenant_id, key_id)
            first[key] = first.get(key, True) and uses.get(kid) == count
        return [key for key, is_first in first.items() if is_first]


def _json(rows: Sequence[Any]) -> str:
    return json.encode(rows).decode()
