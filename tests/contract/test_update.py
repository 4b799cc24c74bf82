"""Updating keys: what is given changes at once, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, Limit, NotFound
from tokenry.testing import FakeClock
from tokenry.types import Owner

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("description", "text"),
        ("scopes", ("x", "y")),
        ("roles", ("reader",)),
        ("allowed_ips", ("10.0.0.0/8",)),
        ("limits", (Limit("a", 1, 60),)),
        ("expires_at", datetime(2026, 6, 1, tzinfo=UTC)),
        ("expires_at", None),
        ("not_before", datetime(2026, 1, 2, tzinfo=UTC)),
        ("metadata", {"a": [1]}),
        ("tags", ("a", "b")),
    ],
)
def test_a_field_is_changed_and_the_rest_stays(tk: Any, issue: Issue, field: str, value: Any) -> None:
    tk.roles.put("reader", scopes=["read:a"])
    issued = issue(scopes=["a"], metadata={"b": 1})
    updated = tk.keys.update(issued.key.id, **{field: value})
    assert updated == replace(issued.key, version=2, **{field: value})
    assert tk.keys.get(issued.key.id) == updated


def test_an_update_counts_at_once_for_a_remembered_key(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(scopes=["a", "b"])
    assert tk.verify(issued.secret, scopes=["a", "b"])
    tk.keys.update(issued.key.id, scopes=["a"])
    assert tk.verify(issued.secret, scopes="b").code == "insufficient_scope"
    tk.keys.update(issued.key.id, not_before=clock.now() + DAY)
    assert tk.verify(issued.secret).code == "not_yet_valid"
    tk.keys.update(issued.key.id, not_before=None)
    assert tk.verify(issued.secret).key.version == 4


def test_an_expired_key_lives_again_when_its_expiry_is_moved(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=DAY)
    clock.advance(2 * DAY)
    assert tk.verify(issued.secret).code == "expired"
    assert tk.keys.update(issued.key.id, expires_in=DAY).expires_at == clock.now() + DAY
    assert tk.verify(issued.secret)


def test_the_expiry_of_an_update_has_the_bounds_of_an_issue(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue()
    for life in (timedelta(0), -DAY, 4000 * DAY):
        with pytest.raises(Invalid):
            tk.keys.update(issued.key.id, expires_in=life)
    tk.tenants.update(acme, never_allowed=False)
    foreign = tk.keys.issue("ada", name="k", tenant=acme)
    with pytest.raises(Invalid):
        tk.keys.update(foreign.key.id, expires_at=None, tenant=acme)
    assert tk.keys.get(issued.key.id) == issued.key


def test_nothing_is_written_when_nothing_changes(tk: Any, issue: Issue) -> None:
    issued = issue("CI", scopes=["a"], metadata={"a": 1})
    same = tk.keys.update(issued.key.id, name="CI", scopes=["a"], metadata={"a": 1}, allowed_ips=[])
    assert same == issued.key
    assert tk.keys.update(issued.key.id) == issued.key
    assert tk.events.list(types=["key.updated"]).items == ()


def test_every_mistake_is_named_and_nothing_changes(tk: Any, issue: Issue) -> None:
    issued = issue()
    with pytest.raises(Invalid) as refused:
        tk.keys.update(issued.key.id, name="", scopes=["Bad"], allowed_ips=["x"], limits=["x"], metadata=[], roles=[1])
    assert [error.field for error in refused.value.errors] == [
        "name", "scopes", "roles", "allowed_ips", "limits[0]", "metadata",
    ]  # fmt: skip
    assert tk.keys.get(issued.key.id) == issued.key


def test_of_two_who_read_the_same_version_the_second_gets_a_conflict(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.keys.update(issued.key.id, description="mine", if_version=1).version == 2
    with pytest.raises(Conflict) as conflict:
        tk.keys.update(issued.key.id, description="yours", if_version=1)
    assert conflict.value.details["field"] == "version"
    assert tk.keys.get(issued.key.id).description == "mine"


def test_a_version_counts_every_change(tk: Any, issue: Issue) -> None:
    id = issue().key.id
    for call in (
        lambda: tk.keys.update(id, description="a"),
        lambda: tk.keys.disable(id),
        lambda: tk.keys.enable(id),
        lambda: tk.keys.rotate(id),
        lambda: tk.keys.revoke(id),
    ):
        before = tk.keys.get(id).version
        call()
        assert tk.keys.get(id).version == before + 1


def test_use_changes_no_version(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    tk.flush()
    assert tk.keys.get(issued.key.id).version == 1


def test_a_taken_name_is_a_conflict_and_ones_own_in_another_case_is_not(tk: Any, issue: Issue) -> None:
    issue("CI")
    other = issue("other")
    with pytest.raises(Conflict) as conflict:
        tk.keys.update(other.key.id, name="ci")
    assert conflict.value.details["field"] == "name"
    assert tk.keys.update(other.key.id, name="OTHER").name == "OTHER"


def test_a_disabled_key_can_be_updated_and_stays_disabled(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.keys.disable(issued.key.id)
    assert tk.keys.update(issued.key.id, description="x").status == "disabled"


def test_what_is_not_a_field_of_an_update_cannot_be_given(tk: Any, issue: Issue) -> None:
    issued = issue()
    records = ("id", "tenant_id", "owner", "status", "created_at", "updated_at", "revoked_at", "use_count", "version")
    for field in (*records, "secrets"):
        with pytest.raises(TypeError):
            tk.keys.update(issued.key.id, **{field: "x"})


def test_an_update_is_one_entry_with_before_and_after(tk: Any, issue: Issue) -> None:
    issued = issue(scopes=["a"])
    tk.keys.update(issued.key.id, scopes=["a", "b"], description="")
    [entry] = tk.audit.list(action="key.updated")
    assert (entry.before, entry.after) == ({"scopes": ["a"]}, {"scopes": ["a", "b"]})


def test_an_unknown_key_is_not_found_before_any_field_is_looked_at(tk: Any) -> None:
    with pytest.raises(NotFound):
        tk.keys.update("key_" + "0" * 22, name="")


def test_what_a_change_returns_is_what_is_read_afterwards(tk: Any, ada: Owner, clock: FakeClock) -> None:
    key = tk.keys.issue("ada", name="k", scopes=["read:a"]).key
    everything: dict[str, Any] = {
        "name": " other ",
        "description": "told",
        "scopes": ["write:b", "read:a", "write:b"],
        "allowed_ips": ["203.0.113.7"],
        "limits": [{"name": "minute", "limit": 5, "window_seconds": 60}],
        "expires_in": timedelta(days=3, microseconds=1),
        "not_before": datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        "metadata": {"a": [1, 2.0, None, {"b": "ü"}]},
        "tags": ["b", "a"],
    }
    for name, value in everything.items():
        clock.advance(timedelta(seconds=1))
        assert tk.keys.update(key.id, **{name: value}) == tk.keys.get(key.id), name
    assert tk.keys.update(key.id, **everything) == tk.keys.get(key.id)
    assert tk.keys.disable(key.id) == tk.keys.get(key.id)
    assert tk.keys.update(key.id, description="off") == tk.keys.get(key.id)
    tk.keys.enable(key.id)
    assert tk.keys.rotate(key.id, grace=timedelta(hours=1)).key == tk.keys.get(key.id)
    assert tk.keys.rotate(key.id).key == tk.keys.get(key.id)
    clock.advance(timedelta(days=4))
    assert tk.keys.update(key.id, description="over") == tk.keys.get(key.id)
    assert tk.keys.update(key.id, expires_in=timedelta(days=1)) == tk.keys.get(key.id)
    assert tk.keys.revoke(key.id, reason="left") == tk.keys.get(key.id)
