"""The truth about what was acknowledged, and whether a database agrees with it."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine, text

from tests.processes.places import Place
from tokenry import Tokenry

ACTIONS = {"issue": "key.issued", "rotate": "key.rotated", "revoke": "key.revoked"}
HALF = {
    "a living key without a current secret": """
        SELECT count(*) FROM tokenry_key k WHERE revoked_at IS NULL AND 1 <> (
            SELECT count(*) FROM tokenry_secret s
            WHERE s.tenant_id = k.tenant_id AND s.key_id = k.id AND s.ends_at IS NULL)""",
    "a secret without a key": """
        SELECT count(*) FROM tokenry_secret s WHERE NOT EXISTS (
            SELECT 1 FROM tokenry_key k WHERE k.tenant_id = s.tenant_id AND k.id = s.key_id)""",
    "a key without an owner": """
        SELECT count(*) FROM tokenry_key k WHERE NOT EXISTS (
            SELECT 1 FROM tokenry_owner o WHERE o.tenant_id = k.tenant_id AND o.id = k.owner_id)""",
    "an event without its entry": """
        SELECT abs((SELECT count(*) FROM tokenry_event WHERE type <> 'key.first_used')
            - (SELECT count(*) FROM tokenry_audit_entry))""",
}


class Ledger:
    """What one child has told: all that was acknowledged, and the one thing that was in flight at its end."""

    def __init__(self) -> None:
        self.done: Counter[tuple[str, str]] = Counter()  # (action, key id)
        self.secrets: dict[str, list[str]] = {}
        self.revoked: set[str] = set()
        self.in_flight: dict[str, Any] | None = None

    def write(self, line: dict[str, Any]) -> None:
        if "begin" in line:
            self.in_flight = line
        elif "done" in line:
            self.in_flight = None
            self.done[ACTIONS[line["done"]], line["id"]] += 1
            if "secret" in line:
                self.secrets.setdefault(line["id"], []).append(line["secret"])
            if line["done"] == "revoke":
                self.revoked.add(line["id"])

    def check(self, tk: Tokenry) -> None:
        """Compare with what a database says, by an instance that was opened after the fault."""
        flying = self.in_flight or {}
        for id, secrets in self.secrets.items():
            touched = flying.get("id") == id
            codes = [tk.verify(secret).code for secret in secrets]
            assert codes[:-1] == ["revoked"] * (len(codes) - 1), "an ended secret lives"
            if id in self.revoked:
                assert codes[-1] == "revoked", "an acknowledged revocation was lost"
                assert tk.keys.get(id).status == "revoked"
            else:
                assert codes[-1] in ({"valid", "revoked"} if touched else {"valid"}), "an acknowledged key was lost"
            entries = Counter((entry.action, id) for entry in tk.audit.list(subject=id, limit=100).items)
            expected = {place: count for place, count in self.done.items() if place[1] == id}
            more = entries - Counter(expected)
            assert not Counter(expected) - entries, "an acknowledged change has no audit entry"
            assert more in ([Counter(), Counter({(ACTIONS[flying["begin"]], id): 1})] if touched else [Counter()])
        if flying.get("begin") == "issue":  # then it is there in whole or not at all
            for key in tk.keys.list(text=flying["name"], limit=100).items:
                assert key.name != flying["name"] or len(key.secrets) == 1


def check_whole(place: Place, tk: Tokenry) -> None:
    """Check what must hold of a database at any time."""
    report = tk.audit.check()
    assert report, report.problems
    engine = create_engine(place.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        for what, query in HALF.items():
            assert connection.execute(text(query)).scalar() == 0, what
        if place.kind == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalars().all() == ["ok"]
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    engine.dispose()


def check_secrecy(place: Place, ledgers: list[Ledger]) -> None:
    """Check that no secret stands anywhere in the database."""
    parts = [secret[-57:-14] for ledger in ledgers for secrets in ledger.secrets.values() for secret in secrets]
    assert parts
    if place.kind == "sqlite":
        raw = b"".join(path.read_bytes() for path in Path(place.directory).glob("keys.db*"))
        assert not [part for part in parts if part.encode() in raw]
        return
    with closing(psycopg.connect(place.url)) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'tokenry_%'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()
            everything = "\n".join(row[0] for row in rows)
            assert not [part for part in parts if part in everything], table
