"""Revoking many keys at once: what a filter means, shown first, and no more than that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid, NotFound
from tokenry.testing import FakeClock


def names(items: Any) -> set[str]:
    return {item.key.name for item in items}


def test_a_dry_run_is_the_default_and_changes_nothing(tk: Any, issue: Issue) -> None:
    issued = issue("a", scopes=["x"])
    issue("b")
    items = tk.keys.revoke_where(scope="x")
    assert names(items) == {"a"}
    assert all(items)
    assert items.items[0].error is None
    assert tk.verify(issued.secret)
    assert tk.events.list(types=["key.revoked"]).items == ()


def test_what_the_dry_run_shows_is_what_is_revoked(tk: Any, issue: Issue) -> None:
    issued, other = issue("a", scopes=["x"]), issue("b")
    assert tk.verify(issued.secret)
    shown = tk.keys.revoke_where(scope="x")
    done = tk.keys.revoke_where(scope="x", dry_run=False, reason="leaked")
    assert [item.key.id for item in done] == [item.key.id for item in shown]
    assert tk.verify(issued.secret).code == "revoked"
    assert tk.keys.get(issued.key.id).revoke_reason == "leaked"
    assert tk.verify(other.secret)


def test_living_keys_only_and_each_once(tk: Any, clock: FakeClock, issue: Issue) -> None:
    tk.keys.revoke(issue("revoked").key.id, reason="first")
    tk.keys.disable(issue("disabled").key.id)
    issue("expired", expires_in=timedelta(seconds=1))
    issue("active")
    clock.advance(timedelta(seconds=1))
    assert names(tk.keys.revoke_where(owner="ada", dry_run=False)) == {"disabled", "expired", "active"}
    assert tk.keys.revoke_where(owner="ada", dry_run=False).items == ()
    assert len(tk.events.list(types=["key.revoked"])) == 4
    assert {key.revoke_reason for key in tk.keys.list(text="revoked")} == {"first"}


def test_every_filter_narrows(tk: Any, clock: FakeClock, issue: Issue) -> None:
    tk.owners.put("bob")
    tk.keys.issue("bob", name="bobs")
    issue("scoped", scopes=["x"])
    issue("testing", environment="test")
    issue("soon", expires_in=timedelta(days=1))
    used = issue("used")
    clock.advance(timedelta(hours=1))
    assert tk.verify(used.secret)
    tk.flush()
    assert names(tk.keys.revoke_where(owner="bob")) == {"bobs"}
    assert names(tk.keys.revoke_where(scope="x")) == {"scoped"}
    assert names(tk.keys.revoke_where(environment="test")) == {"testing"}
    assert names(tk.keys.revoke_where(text="soo")) == {"soon"}
    assert names(tk.keys.revoke_where(status="active")) == {"bobs", "scoped", "testing", "soon", "used"}
    assert names(tk.keys.revoke_where(expiring_within=timedelta(days=1))) == {"soon"}
    assert names(tk.keys.revoke_where(last_used_before=clock.now())) == {"bobs", "scoped", "testing", "soon"}
    assert names(tk.keys.revoke_where(owner="ada", scope="x", environment="test")) == set()


def test_no_filter_at_all_is_invalid(tk: Any, issue: Issue) -> None:
    issued = issue()
    for dry_run in (True, False):
        with pytest.raises(Invalid):
            tk.keys.revoke_where(dry_run=dry_run)
        with pytest.raises(Invalid):
            tk.keys.revoke_where(dry_run=dry_run, by="ada")
        with pytest.raises(Invalid):
            tk.keys.revoke_where(owner=None, dry_run=dry_run)
        with pytest.raises(NotFound):
            tk.keys.revoke_where(owner="nobody", dry_run=dry_run)
    assert tk.verify(issued.secret)


def test_an_owner_revokes_its_own_keys_only(tk: Any, issue: Issue) -> None:
    tk.owners.put("bob")
    bobs = tk.keys.issue("bob", name="bobs", scopes=["x"])
    issue("adas", scopes=["x"])
    assert names(tk.keys.revoke_where(scope="x", by="ada", dry_run=False)) == {"adas"}
    assert tk.verify(bobs.secret)
    with pytest.raises(NotFound):
        tk.keys.revoke_where(owner="bob", by="ada", dry_run=False)


def test_it_stays_in_its_tenant(tk: Any, issue: Issue, acme: str) -> None:
    issue("here", scopes=["x"])
    foreign = tk.keys.issue("ada", name="there", scopes=["x"], tenant=acme)
    assert names(tk.keys.revoke_where(scope="x", dry_run=False)) == {"here"}
    assert tk.verify(foreign.secret)


def test_more_keys_than_a_batch_holds_are_all_revoked(tk: Any, issue: Issue) -> None:
    tk.keys.issue_many({"owner": "ada", "name": f"k{number}", "scopes": ["x"]} for number in range(600))
    other = issue("other")
    assert tk.keys.revoke_where(scope="x").revoked_count == 600
    assert tk.keys.revoke_where(scope="x", dry_run=False).revoked_count == 600
    assert names(tk.keys.revoke_where(owner="ada")) == {"other"}
    assert tk.verify(other.secret)


def test_more_keys_than_a_batch_holds_are_all_purged(tk: Any, clock: FakeClock, issue: Issue) -> None:
    life = timedelta(seconds=1)
    tk.keys.issue_many({"owner": "ada", "name": f"k{number}", "expires_in": life} for number in range(600))
    clock.advance(timedelta(days=1))
    assert tk.keys.purge(expired_before=clock.now()) == 600
    assert len(tk.keys.list()) == 0
