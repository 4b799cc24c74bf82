"""Every row of an installation arrives in another database as it was, on both databases."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.webhooks.test_moving import PLACES, Open, moved
from tests.webhooks.test_moving import opened as opened
from tokenry import Tokenry
from tokenry.types import Issued

HOUR = {"name": "hourly", "limit": 5, "window_seconds": 3600}
OF_A_DATABASE = {"txid", "cursor_txid", "cursor_sequence"}
FILLED = """audit_entry audit_head credit credit_hold event foreign idempotency key key_page keyring_canary
limit_counter owner refusal role scope secret session signing_key tenant usage_hour"""


def rows(tk: Tokenry) -> Counter[tuple[str, str]]:
    """Count all rows by their tables and values, without what belongs to one database."""
    with tk._database.read() as found:
        return Counter((name, repr(sorted(comparable(row).items()))) for name, row in found.dump.all())


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name not in OF_A_DATABASE}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in values.items()}


def fill(tk: Tokenry) -> tuple[Issued, Issued]:
    """Make something of every kind; return a key with limits and one with credits, both used once."""
    tk.scopes.define(["read:a"])
    tk.roles.put("reader", scopes=["read:a"])
    tk.owners.put("ada", roles=["reader"], shared_limits=[{**HOUR, "name": "shared", "limit": 9}])
    limited = tk.keys.issue("ada", name="limited", limits=[HOUR], roles=["reader"], idempotency_key="once")
    paid = tk.keys.issue("ada", name="paid", credits={"amount": 10, "refill": "daily"})
    assert tk.verify(limited.secret, scopes=["read:a"])
    assert tk.verify(paid.secret)
    assert not tk.verify(paid.secret, scopes=["write:a"])
    tk.credits.reserve(paid.key.id, 2)
    tk.imports.run([{"id": "1", "owner": "ada", "hash": {"scheme": "sha256", "value": "ab" * 32}}], source="old")
    tk.sessions.refresh(tk.sessions.start("ada", claims={"theme": "dark"}).refresh)
    tk.key_page.put(title="Keys")
    tk.audit.seal_all()
    tk.flush()
    return limited, paid


@pytest.mark.parametrize(("old", "new"), PLACES)
def test_every_row_arrives_as_it_was(old: str, new: str, opened: Open) -> None:
    here, there = opened(old), opened(new)
    limited, paid = fill(here)
    moved(here, there)
    assert rows(there) == rows(here)
    assert {*FILLED.split()} <= {name for name, _ in rows(there)}
    verdict = there.verify(limited.secret, scopes=["read:a"])
    assert {state.name: state.remaining for state in verdict.limits} == {"hourly": 3, "shared": 6}
    assert there.credits.get(paid.key.id).remaining == 10 - 1 - 2
    (hold,) = there.credits.holds(paid.key.id)
    there.credits.settle(paid.key.id, hold.id, 1)
    assert there.credits.get(paid.key.id).remaining == 10 - 1 - 1
    again = there.keys.issue("ada", name="limited", limits=[HOUR], roles=["reader"], idempotency_key="once")
    assert str(again.secret) == str(limited.secret)
    assert there.usage.get(paid.key.id) == here.usage.get(paid.key.id)
    assert there.refusals.list() == here.refusals.list()
    assert there.audit.check()
