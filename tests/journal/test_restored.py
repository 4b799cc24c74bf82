"""A backup that is restored never revives what was revoked after it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from tests.journal.conftest import Backups
from tests.processes.places import Place
from tokenry import ConfigError, Tokenry
from tokenry.groups import Groups

Use: TypeAlias = Callable[[Tokenry, Groups], bool]
"""Tells whether a credential of a tenant still does what was taken from it."""
Made: TypeAlias = tuple[Use, Callable[[Groups], object]]


def _key(tenant: Groups, **fields: Any) -> Any:
    tenant.roles.put("reader", scopes=["read:all", "read:some"])
    tenant.owners.put("ada", roles=["reader"], admin=True)
    return tenant.keys.issue("ada", name="a key", **fields)


def _verifies(secret: Any, **asked: Any) -> Use:
    return lambda tk, tenant: bool(tk.verify(str(secret), **asked))


def key_revoked(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.keys.revoke(issued.key.id, reason="leaked")


def key_deleted(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.keys.delete(issued.key.id)


def keys_revoked_together(tenant: Groups) -> Made:
    issued = _key(tenant, tags=["a"])
    return _verifies(issued.secret), lambda tenant: tenant.keys.revoke_where(tag="a", dry_run=False)


def key_disabled(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.keys.disable(issued.key.id)


def key_handed_over(tenant: Groups) -> Made:
    id = _key(tenant).key.id
    tenant.owners.put("bob")
    return lambda tk, tenant: tenant.keys.get(id).owner == "ada", lambda tenant: tenant.keys.hand_over(id, "bob")


def key_rotated(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.keys.rotate(issued.key.id, grace=timedelta(0))


def scopes_narrowed(tenant: Groups) -> Made:
    issued = _key(tenant, scopes=["read:all", "write:all"])
    narrow = lambda tenant: tenant.keys.update(issued.key.id, scopes=["read:all"])  # noqa: E731
    return _verifies(issued.secret, scopes="write:all"), narrow


def role_taken_from_key(tenant: Groups) -> Made:
    issued = _key(tenant, roles=["reader"])
    return _verifies(issued.secret, scopes="read:all"), lambda tenant: tenant.keys.update(issued.key.id, roles=[])


def addresses_narrowed(tenant: Groups) -> Made:
    issued = _key(tenant)
    narrow = lambda tenant: tenant.keys.update(issued.key.id, allowed_ips=["10.0.0.0/8"])  # noqa: E731
    return _verifies(issued.secret, ip="192.0.2.1"), narrow


def expiry_shortened(tenant: Groups) -> Made:
    id = _key(tenant).key.id

    def lives_long(tk: Tokenry, tenant: Groups) -> bool:
        key = tenant.keys.get(id)
        return key.expires_at is None or key.expires_at - key.created_at > timedelta(days=2)

    return lives_long, lambda tenant: tenant.keys.update(id, expires_in=timedelta(days=1))


def start_put_off(tenant: Groups) -> Made:
    issued = _key(tenant)
    later = datetime.now(UTC) + timedelta(days=30)
    return _verifies(issued.secret), lambda tenant: tenant.keys.update(issued.key.id, not_before=later)


def session_ended(tenant: Groups) -> Made:
    _key(tenant)
    tokens = tenant.sessions.start("ada")
    return _verifies(tokens.access), lambda tenant: tenant.sessions.revoke(tokens.session.id)


def session_reused(tenant: Groups) -> Made:
    _key(tenant)
    first = tenant.sessions.start("ada")
    last = first
    for _ in range(3):
        last = tenant.sessions.refresh(last.refresh)
    return _verifies(last.access), lambda tenant: tenant.sessions.refresh(first.refresh)


def owner_disabled(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.owners.disable("ada")


def owner_deleted(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.owners.delete("ada")


def owner_no_admin(tenant: Groups) -> Made:
    _key(tenant)
    return lambda tk, tenant: tenant.owners.get("ada").admin, lambda tenant: tenant.owners.put("ada", admin=False)


def role_taken_from_owner(tenant: Groups) -> Made:
    _key(tenant)
    access = tenant.sessions.start("ada").access
    return _verifies(access, scopes="read:all"), lambda tenant: tenant.owners.put("ada", roles=[])


def role_narrowed(tenant: Groups) -> Made:
    issued = _key(tenant, roles=["reader"])
    narrow = lambda tenant: tenant.roles.put("reader", scopes=["read:some"])  # noqa: E731
    return _verifies(issued.secret, scopes="read:all"), narrow


def role_deleted(tenant: Groups) -> Made:
    issued = _key(tenant, roles=["reader"])
    return _verifies(issued.secret, scopes="read:all"), lambda tenant: tenant.roles.delete("reader")


def tenant_suspended(tenant: Groups) -> Made:
    issued = _key(tenant)
    return _verifies(issued.secret), lambda tenant: tenant.tenants.suspend("tenant-suspended")


def signing_key_removed(tenant: Groups) -> Made:
    _key(tenant)
    access = tenant.sessions.start("ada").access
    kid = next(key.kid for key in tenant.signing_keys.list() if key.status == "active")
    return _verifies(access), lambda tenant: tenant.signing_keys.remove(kid)


REVOCATIONS = [
    *(key_revoked, key_deleted, keys_revoked_together, key_disabled, key_rotated, key_handed_over),
    *(scopes_narrowed, role_taken_from_key, addresses_narrowed, expiry_shortened, start_put_off),
    *(session_ended, session_reused, owner_disabled, owner_deleted, owner_no_admin, role_taken_from_owner),
    *(role_narrowed, role_deleted, tenant_suspended, signing_key_removed),
]


def test_what_was_taken_away_stays_away(backups: Backups, caplog: pytest.LogCaptureFixture) -> None:
    made: dict[str, Made] = {}
    with backups.open() as tk:
        for make in REVOCATIONS:
            slug = make.__name__.replace("_", "-")
            tk.tenants.create(slug)
            made[slug] = make(tk.scoped(tenant=slug))
    backups.take()

    def working(tk: Tokenry) -> list[str]:
        return [slug for slug, (works, _) in made.items() if works(tk, tk.scoped(tenant=slug))]

    with backups.open() as tk:
        assert working(tk) == list(made)
        for slug, (_, take) in made.items():
            take(tk.scoped(tenant=slug))
        assert working(tk) == []
    with caplog.at_level(logging.INFO, logger="tokenry.journal"), backups.open() as tk:
        found = [record for record in caplog.records if record.name == "tokenry.journal"]
        assert not found, "a start without a restore replays nothing"
    backups.restore()
    for _ in range(2):
        with backups.open() as tk:
            assert working(tk) == []
            found = [event.type for event in tk.events.list(tenant="system", limit=100)]
            assert found.count("journal.replayed") == 1


def test_what_was_given_back_stays_given(backups: Backups) -> None:
    with backups.open() as tk:
        issued = _key(tk)
    backups.take()
    with backups.open() as tk:
        tk.keys.disable(issued.key.id)
        tk.keys.enable(issued.key.id)
    backups.restore()
    with backups.open() as tk:
        assert tk.verify(issued.secret)


def test_a_start_that_waits_names_the_command_and_changes_nothing(backups: Backups) -> None:
    with backups.open() as tk:
        issued, other = _key(tk), tk.keys.issue("ada", name="another")
    backups.take()
    with backups.open() as tk:
        tk.keys.revoke(issued.key.id, reason="leaked")
    backups.restore()
    with pytest.raises(ConfigError, match="tokenry db replay-journal --dry-run"):
        backups.open(journal_on_restore="wait")
    installation = backups.installation()
    steps = installation.replay_journal(dry_run=True)
    assert [(step.subject, step.action) for step in steps] == [(issued.key.id, "revoke")]
    with pytest.raises(ConfigError):
        backups.open(journal_on_restore="wait")
    assert installation.replay_journal() == steps
    with backups.open(journal_on_restore="wait") as tk:
        assert tk.verify(issued.secret).code == "revoked"
        assert tk.verify(other.secret)


@pytest.mark.parametrize("reason", ["", "leaked"])
def test_a_replay_keeps_the_reason_that_was_given(backups: Backups, reason: str) -> None:
    with backups.open() as tk:
        issued = _key(tk)
    backups.take()
    with backups.open() as tk:
        tk.keys.revoke(issued.key.id, reason=reason)
    backups.restore()
    with backups.open() as tk:
        kept = tk.keys.get(issued.key.id).revoke_reason
    source = "replayed from the revocation journal"
    assert kept == (f"{reason} ({source})" if reason else source)


def test_a_restored_state_can_be_kept_on_purpose(backups: Backups) -> None:
    with backups.open() as tk:
        issued = _key(tk)
    backups.take()
    with backups.open() as tk:
        tk.keys.revoke(issued.key.id, reason="by mistake")
    backups.restore()
    backups.installation().replay_journal(forget=True)
    for _ in range(2):
        with backups.open() as tk:
            assert tk.verify(issued.secret)


def test_a_replay_that_takes_longer_than_a_tick_is_one(file_place: Place) -> None:
    backups = Backups(file_place)
    with backups.open() as tk:
        for slug in ("a", "b", "c"):
            tk.tenants.create(slug)
            _key(tk.scoped(tenant=slug))
    backups.take()
    with backups.open() as tk:
        for slug in ("a", "b", "c"):
            tk.owners.disable("ada", tenant=slug)
    backups.restore()
    with backups.open(flush_interval=timedelta(microseconds=1)) as tk:
        [event] = tk.events.list(tenant="system", types=["journal.replayed"])
        assert event.data["count"] == 3
