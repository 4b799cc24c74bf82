"""The questions of a console about a million keys: each order, filter and count of a list, and usage of many keys.

Every figure is the slower of two calls by the clock, after one that compiles statements.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import timedelta

from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.key_filter import SORTS

from .crowd import _KEYS, _OWNERS, _SECRETS, PER_OWNER, Crowd
from .measure import Report

MOST_MS = 300
USED = 1_000
"""So many keys were used in each of the last hours of a week."""
_DAY = timedelta(days=1)
_SPREAD = """
    UPDATE tokenry_key SET used_at = created_at / 60000000 * 60000000
            - (CAST(substr(id, 5) AS bigint) * 7919) % 129600 * 60000000,
        expires_at = CASE WHEN environment = 'rare' THEN NULL ELSE expires_at END
"""
_USAGE = """
    INSERT INTO tokenry_usage_hour (tenant_id, key_id, at, code, count)
    SELECT tenant_id, id, {now} / 3600000000 * 3600000000 - {hour} * 3600000000,
        CASE WHEN CAST(substr(id, 5) AS bigint) % 9 = 0 THEN 'expired' ELSE 'valid' END, 7
    FROM tokenry_key ORDER BY id LIMIT {used}
"""


def on_sqlite(report: Report, count: int) -> None:
    """Measure on an SQLite file."""
    with tempfile.TemporaryDirectory() as folder, Tokenry(f"sqlite:///{folder}/keys.db", settings=_QUIET) as tk:
        _measure(report, "SQLite", tk, count)


def on_postgres(report: Report, count: int) -> None:
    """Measure on PostgreSQL."""
    from tests.servers.postgres import Postgres

    server = Postgres().start()
    try:
        with Tokenry(server.create_database(), keyring=fresh_keyring(), settings=_QUIET) as tk:
            _measure(report, "PostgreSQL", tk, count)
    finally:
        server.stop()


def _measure(report: Report, name: str, tk: Tokenry, count: int) -> None:
    report.title(f"lists of {count:,} keys ({name})")
    _fill(tk, count)
    for what, call in _calls(tk, count).items():
        took = _slowest(call) * 1e3
        report.line(what, f"{took:.0f} ms", f"<= {MOST_MS} ms", took <= MOST_MS)


def _fill(tk: Tokenry, count: int) -> None:
    crowd = Crowd(tk)
    crowd._write(_OWNERS, 1, count // PER_OWNER)
    for statement in (_KEYS, _SECRETS):
        crowd._write(statement, 1, count, owners=f"(({{n}} - 1) / {PER_OWNER}) + 1")
    everybody = tk.owners.put("everybody").id
    with tk._database.change(durable=False) as rows:
        execute = rows.core.exec_driver_sql
        execute(_SPREAD.replace("%", "%%" if _is_pg(tk) else "%"))
        here = tk.tenants.get("default").id
        big = f"UPDATE tokenry_key SET owner_id = '{everybody}' WHERE id > 'key_{count // 2:022d}'"
        execute(f"{big} AND tenant_id = '{here}'")
        for hour in range(24 * 7):
            execute(_USAGE.format(now=tk._now(), hour=hour, used=USED).replace("%", "%%" if _is_pg(tk) else "%"))
        if _is_pg(tk):
            execute("ANALYZE")


def _is_pg(tk: Tokenry) -> bool:
    return tk._database.dialect == "postgresql"


def _slowest(call: Callable[[], object]) -> float:
    call()
    worst = 0.0
    for _ in range(2):
        began = time.perf_counter()
        call()
        worst = max(worst, time.perf_counter() - began)
    return worst


def _calls(tk: Tokenry, count: int) -> dict[str, Callable[[], object]]:
    now, keys, usage = tk._context.now(), tk.keys, tk.usage
    ids = [key.id for key in keys.list(limit=50)]
    calls: dict[str, Callable[[], object]] = {}
    for sort in SORTS:
        calls[f"sort={sort}"] = lambda sort=sort: keys.list(sort=sort)
        second = keys.list(sort=sort).next_cursor
        calls[f"sort={sort}, page 2"] = lambda sort=sort, second=second: keys.list(sort=sort, cursor=second)
        for what, given in {
            "owner= of 10 keys": {"owner": "user-7"},
            f"owner= of {count // 2:,} keys": {"owner": "everybody"},
            "status=revoked": {"status": "revoked"},
            "text= of none": {"text": "no such"},
        }.items():
            calls[f"sort={sort}, {what}"] = lambda sort=sort, given=given: keys.list(sort=sort, **given)
    calls["sort=expires, expiring_within="] = lambda: keys.list(sort="expires", expiring_within=7 * _DAY)
    calls["sort=last_used, last_used_before="] = lambda: keys.list(sort="last_used", last_used_before=now - 60 * _DAY)
    calls["facets"] = keys.facets
    calls["facets, owner= of many"] = lambda: keys.facets(owner="everybody")
    calls["facets, text= of none"] = lambda: keys.facets(text="no such")
    calls["usage of 50 keys by day"] = lambda: usage.summary(key_ids=ids, group_by=["key", "day", "code"])
    calls["usage of the tenant by day and code"] = usage.summary
    calls["usage, the most used keys"] = lambda: usage.summary(group_by=["key"], limit=10)
    calls["usage, the most used owners"] = lambda: usage.summary(group_by=["owner"], limit=10)
    return calls


_QUIET = Settings(background=False, flush_interval=timedelta(hours=1), store_timeout=timedelta(minutes=10))
