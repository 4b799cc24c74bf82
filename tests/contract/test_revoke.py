"""Ending keys: revoking, deleting, and the switch that can be turned back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, NotFound
from tokenry.testing import FakeClock
from tokenry.types import shown

UNKNOWN = ["key_" + "0" * 22, "key_", "", "nonsense", "own_" + "0" * 22, None, 7, "key_" + "ä" * 22, "x" * 10_000]


def happened(tk: Any, *types: str) -> list[str]:
    """Return the types of the events that happened, in order."""
    return [event.type for event in tk.events.list(types=list(types) or None)]


def test_a_revoked_key_says_when_and_why(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    key = tk.keys.revoke(issued.key.id, reason="left the team")
    assert (key.status, key.revoked_at, key.revoke_reason) == ("revoked", clock.now(), "left the team")
    assert tk.keys.get(key.id) == key
    assert tk.verify(issued.secret).code == "revoked"


def test_revoking_twice_is_one_event_and_changes_nothing(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    first = tk.keys.revoke(issued.key.id, reason="first")
    clock.advance(timedelta(hours=1))
    assert tk.keys.revoke(issued.key.id, reason="second") == first
    assert happened(tk, "key.revoked") == ["key.revoked"]
    assert len(tk.audit.list(action="key.revoked")) == 1


def test_nothing_revives_a_revoked_key(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.keys.revoke(issued.key.id)
    for revive in (
        lambda: tk.keys.enable(issued.key.id),
        lambda: tk.keys.disable(issued.key.id),
        lambda: tk.keys.rotate(issued.key.id),
        lambda: tk.keys.update(issued.key.id, expires_in=None),
        lambda: tk.keys.update(issued.key.id, name="other"),
    ):
        with pytest.raises(Conflict):
            revive()
    tk.owners.disable("ada")
    tk.owners.enable("ada")
    tk.tenants.suspend("default")
    tk.tenants.resume("default")
    assert tk.verify(issued.secret).code == "revoked"


def test_a_disabled_and_an_expired_key_can_be_revoked(tk: Any, clock: FakeClock, issue: Issue) -> None:
    disabled, expired = issue(), issue(expires_in=timedelta(seconds=1))
    tk.keys.disable(disabled.key.id)
    clock.advance(timedelta(seconds=1))
    for issued in (disabled, expired):
        assert tk.keys.revoke(issued.key.id).status == "revoked"


def test_an_unknown_foreign_or_malformed_id_is_never_a_false_success(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue()
    foreign = tk.keys.issue("ada", name="k", tenant=acme)
    calls = [tk.keys.get, tk.keys.revoke, tk.keys.delete, tk.keys.disable, tk.keys.enable, tk.keys.rotate]
    calls += [tk.keys.limits, tk.usage.get, lambda id: tk.keys.update(id, name="x")]
    for call in calls:
        for id in [*UNKNOWN, foreign.key.id]:
            with pytest.raises(NotFound) as missing:
                call(id)
            assert missing.value.message == f"key {shown(id)} does not exist in the tenant 'default'"
    with pytest.raises(NotFound):
        tk.keys.revoke(issued.key.id, tenant=acme)
    assert tk.verify(issued.secret)
    assert tk.verify(foreign.secret)
    assert happened(tk, "key.revoked") == []


def test_a_reason_is_a_text_of_up_to_500_characters(tk: Any, issue: Issue) -> None:
    issued = issue()
    for reason in ("x" * 501, None, 7, "a\x00b"):
        with pytest.raises(Invalid):
            tk.keys.revoke(issued.key.id, reason=reason)
    assert tk.verify(issued.secret)
    assert tk.keys.revoke(issued.key.id, reason=" because\nof this ").revoke_reason == "because\nof this"


def test_disabling_is_reversible_and_idempotent(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    for _ in range(2):
        assert tk.keys.disable(issued.key.id).status == "disabled"
    assert tk.verify(issued.secret).code == "disabled"
    for _ in range(2):
        assert tk.keys.enable(issued.key.id).status == "active"
    assert tk.verify(issued.secret)
    assert happened(tk, "key.disabled", "key.enabled") == ["key.disabled", "key.enabled"]


def test_deleting_revokes_and_removes_in_one_and_leaves_the_audit_entries(tk: Any, issue: Issue) -> None:
    issued = issue("CI")
    assert tk.verify(issued.secret)
    assert tk.keys.delete(issued.key.id) is None
    assert tk.verify(issued.secret).code == "not_found"
    assert len(tk.keys.list()) == 0
    assert happened(tk, "key.*") == ["key.issued", "key.revoked", "key.deleted"]
    actions = [entry.action for entry in tk.audit.list(subject=issued.key.id)]
    assert actions == ["key.deleted", "key.revoked", "key.issued"]
    with pytest.raises(NotFound):
        tk.keys.delete(issued.key.id)
    assert issue("CI")


def test_deleting_a_revoked_key_is_no_second_revocation(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.keys.revoke(issued.key.id)
    tk.keys.delete(issued.key.id)
    assert happened(tk, "key.*") == ["key.issued", "key.revoked", "key.deleted"]


def test_a_deleted_key_takes_its_usage_and_counters_with_it(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    tk.flush()
    tk.keys.delete(issued.key.id)
    for call in (tk.usage.get, tk.keys.limits):
        with pytest.raises(NotFound):
            call(issued.key.id)


def test_counts_of_a_key_that_was_deleted_meanwhile_harm_no_flush(tk: Any, issue: Issue) -> None:
    issued, other = issue(), issue()
    assert tk.verify(issued.secret)
    assert tk.verify(other.secret)
    tk.keys.delete(issued.key.id)
    tk.flush()
    assert tk.keys.get(other.key.id).use_count == 1


def test_purge_removes_what_ended_before_a_moment(tk: Any, clock: FakeClock, issue: Issue) -> None:
    day = timedelta(days=1)
    issue("expires 1", expires_in=day)
    issue("expires 3", expires_in=3 * day)
    revoked_early = issue("revoked 0").key.id
    tk.keys.revoke(revoked_early)
    issue("lives")
    issue("for ever", expires_in=None)
    clock.advance(2 * day)
    tk.keys.revoke(issue("revoked 2").key.id)
    clock.advance(2 * day)
    assert tk.keys.purge(expired_before=clock.now() - 3 * day) == 0
    assert tk.keys.purge(expired_before=clock.now() - 2 * day) == 1
    assert tk.keys.purge(revoked_before=clock.now() - 3 * day) == 1
    assert {key.name for key in tk.keys.list()} == {"expires 3", "lives", "for ever", "revoked 2"}
    assert tk.keys.purge(expired_before=clock.now(), revoked_before=clock.now()) == 2
    assert {key.name for key in tk.keys.list()} == {"lives", "for ever"}
    assert len(tk.audit.list(action="key.deleted")) == 4


def test_purge_with_a_moment_to_come_removes_no_living_key(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=timedelta(days=1))
    assert tk.keys.purge(expired_before=clock.now() + timedelta(days=30)) == 0
    assert tk.verify(issued.secret)


def test_purge_needs_a_moment_and_stays_in_its_tenant(tk: Any, clock: FakeClock, acme: str, issue: Issue) -> None:
    issue(expires_in=timedelta(seconds=1))
    tk.keys.issue("ada", name="k", tenant=acme, expires_in=timedelta(seconds=1))
    clock.advance(timedelta(days=1))
    for given in ({}, {"expired_before": "now"}, {"expired_before": clock.now().replace(tzinfo=None)}):
        with pytest.raises(Invalid):
            tk.keys.purge(**given)
    assert tk.keys.purge(expired_before=clock.now()) == 1
    assert len(tk.keys.list(tenant=acme)) == 1
