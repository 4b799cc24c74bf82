"""What is done in batches is done to the end, once each, whatever the size of a batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.service import checking, ending, sealing, signing_keys, usage
from tokenry.testing import FakeClock

DAY = timedelta(days=1)
SIZES = (1, 2, 3, 7, 8)
"""Of seven things: one by one, with a rest, in whole batches, all at once, and fewer than would fit."""

Open = Callable[[], Tokenry]


@pytest.fixture(params=SIZES)
def open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: FakeClock) -> Open:
    """Give a function that opens the same database again: upkeep is done when an instance is closed."""
    for module, name in (
        *((module, "_BATCH") for module in (checking, sealing, signing_keys, usage)),
        (ending, "BATCH"),
        (ending, "_USAGE_BATCH"),
    ):
        monkeypatch.setattr(module, name, request.param)
    keyring, quiet = fresh_keyring(), Settings(background=False, flush_interval=timedelta(hours=1))
    return lambda: Tokenry(f"sqlite:///{tmp_path}/keys.db", keyring=keyring, settings=quiet, clock=clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def with_keys(tk: Tokenry, **fields: timedelta) -> list[str]:
    """Issue seven keys; return their ids."""
    tk.owners.put("ada")
    return [tk.keys.issue("ada", name=f"k{number}", **fields).key.id for number in range(7)]  # type: ignore[arg-type]


def subjects_of(tk: Tokenry, action: str) -> list[str]:
    """Return the subjects of all entries of an action, in order."""
    return sorted(entry.subject for entry in tk.audit.list(action=action, limit=100))


def test_the_audit_log_is_sealed_checked_and_cut(open: Open, clock: FakeClock) -> None:
    with open() as tk:
        with_keys(tk)
        head = tk.audit.head()
        assert head.position == 8
        report = tk.audit.check()
        assert (report.entry_count, report.problems) == (8, ())
        clock.advance(DAY)
        assert tk.audit.cut(before=clock.now()) == 8
        tk.owners.put("bob")
        report = tk.audit.check(head=head)
        assert (report.entry_count, report.problems) == (2, ()), "a head at the very end of what was cut still proves"


def test_keys_are_revoked_and_removed(open: Open, clock: FakeClock) -> None:
    with open() as tk:
        keys = with_keys(tk)
        for id in keys[:2]:
            tk.keys.revoke(id)
        tk.keys.revoke_where(owner="ada", dry_run=True)
        assert subjects_of(tk, "key.revoked") == sorted(keys[:2])
        tk.keys.revoke_where(owner="ada", dry_run=False)
        assert subjects_of(tk, "key.revoked") == sorted(keys)
        clock.advance(DAY)
        assert tk.keys.purge(revoked_before=clock.now()) == 7
        assert subjects_of(tk, "key.deleted") == sorted(keys)
        assert tk.keys.list().items == ()


def test_the_usage_of_a_key_goes_with_it(open: Open, clock: FakeClock) -> None:
    with open() as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", expires_in=DAY)
        for _ in range(7):
            assert tk.verify(issued.secret)
            tk.flush()
            clock.advance(timedelta(hours=1))
        assert len(tk.usage.get(issued.key.id)) == 7
        clock.advance(DAY)
        assert tk.keys.purge(expired_before=clock.now()) == 1
        assert subjects_of(tk, "key.deleted") == [issued.key.id]


def test_an_owner_goes_with_all_keys_and_sessions(open: Open) -> None:
    with open() as tk:
        keys = with_keys(tk)
        started = [tk.sessions.start("ada").session.id for _ in range(7)]
        tk.owners.delete("ada")
        assert subjects_of(tk, "key.revoked") == sorted(keys)
        assert subjects_of(tk, "session.revoked") == sorted(started)


def test_sessions_that_ended_long_ago_are_removed(open: Open, clock: FakeClock) -> None:
    with open() as tk:
        tk.owners.put("ada")
        for _ in range(7):
            tk.sessions.revoke(tk.sessions.start("ada").session.id)
        last = tk.sessions.start("ada").session.id
    clock.advance(31 * DAY)
    open().close()
    with open() as tk:
        assert [session.id for session in tk.sessions.list()] == [last]


def test_every_key_that_expires_soon_is_told_once(open: Open) -> None:
    with open() as tk:
        keys = with_keys(tk, expires_in=5 * DAY)
    for _ in keys:
        open().close()
    with open() as tk:
        assert subjects_of(tk, "key.expiring") == sorted(keys)


def test_the_signing_keys_of_every_tenant_are_rotated_when_they_are_old(open: Open, clock: FakeClock) -> None:
    tenants = [f"t{number}" for number in range(7)]
    with open() as tk:
        for tenant in tenants:
            tk.tenants.create(tenant)
            tk.jwks(tenant=tenant)
    clock.advance(365 * DAY)
    for _ in tenants:
        open().close()
    with open() as tk:
        for tenant in tenants:
            statuses = [key.status for key in tk.signing_keys.list(tenant=tenant)]
            assert statuses.count("active") == 1
            assert len(statuses) == 3
