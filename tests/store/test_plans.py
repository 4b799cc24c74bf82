"""What a database does for a call: it goes along an index, and walks over no table and sorts none."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bench.population import fill_postgres
from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.key_filter import SORTS
from tokenry.store.fixed import Raw

DAY = timedelta(days=1)
GROWING = ("tokenry_key", "tokenry_owner", "tokenry_audit_entry", "tokenry_event", "tokenry_session", "tokenry_portal")


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    """An instance with a little of everything, whose work beside requests is done inside calls."""
    with Tokenry("sqlite://", settings=Settings(background=False, flush_interval=DAY)) as tk:
        tk.owners.put("ada")
        tk.keys.issue("ada", name="k")
        tk.sessions.start("ada")
        yield tk


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The steps of every query and update of a table that grows, of those that this thread makes.

    Every engine of the process is listened to, and other instances may seal their audit logs in threads of their own.
    """
    steps: list[str] = []
    asking = threading.get_ident()

    def explain(cursor: Any, is_sqlite: bool, statement: str, parameters: Any) -> None:
        if threading.get_ident() != asking or not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            return
        if any(table in statement for table in GROWING):
            words, column = ("EXPLAIN QUERY PLAN", 3) if is_sqlite else ("EXPLAIN", 0)
            cursor.execute(f"{words} {statement}", parameters)
            steps.extend(row[column] for row in cursor.fetchall())

    def before(connection: sa.Connection, cursor: Any, statement: str, parameters: Any, *more: Any) -> None:
        given = parameters[0] if more[-1] else parameters
        explain(connection.connection.cursor(), connection.dialect.name == "sqlite", statement, given)

    def run_raw(self: Raw, statement: str, parameters: Any) -> Any:
        explain(self.raw.cursor(), True, statement, parameters)
        return run(self, statement, parameters)

    run = Raw.run
    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    monkeypatch.setattr(Raw, "run", run_raw)
    yield steps
    sa.event.remove(sa.Engine, "before_cursor_execute", before)


LISTS: dict[str, Callable[[Tokenry], object]] = {
    "keys": lambda tk: tk.keys.list(),
    "keys of an owner": lambda tk: tk.keys.list(owner="ada"),
    "keys by status": lambda tk: [tk.keys.list(status=s) for s in ("active", "expired", "revoked", "disabled")],
    "keys by scope": lambda tk: tk.keys.list(scope="a"),
    "keys by text": lambda tk: tk.keys.list(text="a"),
    "keys by environment": lambda tk: tk.keys.list(environment="test"),
    "keys by last use": lambda tk: tk.keys.list(last_used_before=datetime.now(UTC)),
    "keys that expire": lambda tk: tk.keys.list(expiring_within=DAY),
    "sorted keys": lambda tk: [tk.keys.list(sort=sort) for sort in SORTS],
    "sorted keys of an owner": lambda tk: [tk.keys.list(sort=sort, owner="ada") for sort in SORTS],
    "sorted keys by status": lambda tk: [tk.keys.list(sort=sort, status="revoked") for sort in SORTS],
    "owners": lambda tk: tk.owners.list(),
    "owners by text": lambda tk: tk.owners.list(text="a"),
    "audit": lambda tk: tk.audit.list(),
    "audit by subject": lambda tk: tk.audit.list(subject="a"),
    "audit by actor": lambda tk: tk.audit.list(actor="a", action="key.issued"),
    "events": lambda tk: tk.events.list(),
    "events of some types": lambda tk: tk.events.list(types=["key.revoked"]),
    "expiring keys of an owner": lambda tk: tk.keys.expiring(within=DAY, owner="ada"),
    "events from a place on": lambda tk: tk.events.list(after=2, types=["key.issued"]),
    "sessions": lambda tk: tk.sessions.list(),
    "sessions of an owner": lambda tk: tk.sessions.list("ada"),
}


@pytest.mark.parametrize("ask", LISTS.values(), ids=LISTS)
def test_a_list_walks_over_no_table_and_sorts_none(
    tk: Tokenry, plans: list[str], monkeypatch: pytest.MonkeyPatch, ask: Callable[[Tokenry], object]
) -> None:
    monkeypatch.setattr("tokenry.store.reach.ROWS", 1)  # as if there were very many
    ask(tk)
    assert any(step.startswith(("SEARCH tokenry_", "SEARCH x ")) for step in plans)
    assert [step for step in plans if step.startswith("SCAN tokenry_") or "B-TREE" in step] == []


def test_events_are_read_from_their_place_on(tk: Tokenry, plans: list[str]) -> None:
    tk.events.list(after=2)
    assert [step for step in plans if "sequence>?" in step or "rowid>?" in step]


def test_expiring_keys_are_a_range_of_their_index(tk: Tokenry, plans: list[str]) -> None:
    tk.keys.expiring(within=DAY)
    assert [step for step in plans if "expires_at>? AND expires_at<?" in step]


def test_what_is_told_of_many_keys_walks_over_no_tenant(tk: Tokenry, plans: list[str]) -> None:
    hour = timedelta(hours=1)
    for one in tk.keys.issue_many([{"owner": "ada", "name": f"k{n}", "expires_in": hour} for n in range(20)]):
        assert tk.verify(one.secret)  # type: ignore[union-attr]
    del plans[:]
    tk.flush()
    tk._upkeep()
    tk.keys.revoke_where(owner="ada", dry_run=False)
    tk.keys.purge(revoked_before=datetime.now(UTC) + DAY)
    counts = [len(tk.events.list(types=[type])) for type in ("key.first_used", "key.expiring", "key.deleted")]
    assert (counts, [step for step in plans if "tokenry_key_owner (tenant_id=?)" in step]) == ([20, 20, 21], [])


def test_what_is_asked_every_second_walks_over_nothing(tk: Tokenry, plans: list[str]) -> None:
    tk.flush()
    tk._upkeep()
    walks = [step for step in plans if step.startswith("SCAN tokenry_")]
    # Upkeep takes the oldest 500 events, and once an hour the next 1,000 keys and the end of each audit log.
    bounded = ["tokenry_event", "tokenry_audit_head"]
    waiting = "tokenry_audit_entry USING INDEX tokenry_audit_unsealed"
    assert walks == [f"SCAN {step}" for step in (waiting, *bounded)]
    assert [step for step in plans if "tokenry_key_notice (expiry_notice_days=? AND expires_at>?" in step]
    ends = [step for step in plans if "tokenry_audit_position (tenant_id=? AND position=?)" in step]
    assert len(ends) == 1, "the look once an hour, and no other"
    assert [step for step in plans if "tokenry_session_revoked_at (revoked_at<?)" in step]


WALKED = re.compile(r"SCAN (tokenry_|[a-z]+$)|SEARCH tokenry_(key|secret|session) USING .*\(tenant_id=\?\)")
CHANGES: dict[str, Callable[[Tokenry, str], object]] = {
    "issuing": lambda tk, id: tk.keys.issue("ada", name="new"),
    "issuing many": lambda tk, id: tk.keys.issue_many([{"owner": "ada", "name": "k"}, {"owner": "ada", "name": "l"}]),
    "changing an owner": lambda tk, id: tk.owners.put("ada", name="Ada"),
    "disabling an owner": lambda tk, id: tk.owners.disable("ada"),
    "enabling an owner": lambda tk, id: tk.owners.enable("ada"),
    "deleting an owner": lambda tk, id: tk.owners.delete("ada"),
    "ending all sessions": lambda tk, id: tk.sessions.revoke_all("ada"),
    "revoking": lambda tk, id: tk.keys.revoke(id),
    "rotating": lambda tk, id: tk.keys.rotate(id),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_one_walks_over_no_tenant(
    tk: Tokenry, plans: list[str], change: Callable[[Tokenry, str], object]
) -> None:
    id = tk.keys.list(limit=1).items[0].id
    del plans[:]
    change(tk, id)
    assert plans
    assert [step for step in plans if WALKED.match(step) and "json_each" not in step] == []


def test_visits_of_a_key_are_counted_along_an_index(tk: Tokenry, plans: list[str]) -> None:
    maker = tk.keys.issue("ada", name="m", environment="op", scopes=["tokenry:sessions:write"])
    del plans[:]
    assert tk.keys.impact(maker.key.id).visit_count == 0
    portal = [step for step in plans if "tokenry_portal" in step]
    assert portal
    assert [step for step in portal if "tokenry_portal_maker (maker_key_id=? AND ends_at>?)" not in step] == []


@pytest.fixture(scope="module")
def crowded(postgres_server: Postgres) -> Iterator[Tokenry]:
    """An instance on PostgreSQL with enough keys that a wrong plan shows."""
    url = postgres_server.create_database()
    with Tokenry(url, keyring=fresh_keyring(), settings=Settings(background=False)) as tk:
        fill_postgres(tk, url, 20_000)
        yield tk


@pytest.mark.skipif("postgres" not in STORES, reason="this run is without PostgreSQL")
def test_upkeep_finds_idle_keys_by_their_place_on_postgresql(crowded: Tokenry, plans: list[str]) -> None:
    crowded.keys.issue(crowded.owners.put("ada"), name=os.urandom(8).hex(), max_idle=30 * DAY)
    del plans[:]
    crowded._upkeep()
    assert any("tokenry_key_pkey" in step for step in plans)
    assert [step for step in plans if re.search("Seq Scan on tokenry_(key|secret) ", step)] == []


@pytest.mark.skipif("postgres" not in STORES, reason="this run is without PostgreSQL")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_one_walks_over_no_tenant_on_postgresql(
    crowded: Tokenry, plans: list[str], change: Callable[[Tokenry, str], object]
) -> None:
    crowded.owners.put("ada")
    crowded.owners.enable("ada")
    id = crowded.keys.issue("ada", name=os.urandom(8).hex()).key.id
    del plans[:]
    change(crowded, id)
    assert plans
    assert [step for step in plans if re.search("Seq Scan on tokenry_(key|secret) ", step)] == []
