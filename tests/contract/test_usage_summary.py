"""Usage of many keys in one call, added up by key, owner, code, day and hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.test_holds import upkeep
from tokenry import Invalid, NotFound
from tokenry.testing import FakeClock
from tokenry.types import UsageGroup, UsageSummary

DAY = timedelta(days=1)


@pytest.fixture
def used(tk: Any, clock: FakeClock, issue: Issue) -> dict[str, str]:
    """Two keys of ada and one of bob: used and refused on three days."""
    tk.owners.put("bob")
    made = {name: issue(name) for name in ("a", "b")} | {"c": tk.keys.issue("bob", name="c")}
    for uses in ({"a": 1}, {"a": 2, "b": 1}, {"c": 4}):
        for name, count in uses.items():
            for _ in range(count):
                assert tk.verify(made[name].secret)
        assert not tk.verify(made["b"].secret, scopes="no")
        tk.flush()
        clock.advance(DAY)
    return {name: issued.key.id for name, issued in made.items()}


def by(found: UsageSummary, *names: str) -> dict[Any, int]:
    """Return the counts by the fields that were asked for, each group once."""
    counts = {tuple(getattr(one, name) for name in names): one.count for one in found.groups}
    assert len(counts) == len(found.groups)
    fields = {"key", "owner", "code", "at"} - {*names}
    assert all(getattr(one, field) is None for one in found.groups for field in fields)
    return {key[0] if len(names) == 1 else key: count for key, count in counts.items()}


def test_usage_is_added_up_by_what_is_asked_for(tk: Any, clock: FakeClock, used: dict[str, str]) -> None:
    tk.flush()
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    a, b, c = used.values()
    assert by(tk.usage.summary(group_by=["key"]), "key") == {a: 3, b: 4, c: 4}
    assert by(tk.usage.summary(group_by=["owner"]), "owner") == {"ada": 7, "bob": 4}
    assert by(tk.usage.summary(group_by=["code"]), "code") == {"valid": 8, "insufficient_scope": 3}
    assert by(tk.usage.summary(group_by=["day"]), "at") == {today - 3 * DAY: 2, today - 2 * DAY: 4, today - DAY: 5}
    by_day = tk.usage.summary()
    assert by(by_day, "at", "code")[today - 2 * DAY, "valid"] == 3
    assert [one.at for one in by_day.groups] == sorted(one.at for one in by_day.groups)
    by_hour = tk.usage.summary(group_by=["hour", "key"])
    assert sum(by(by_hour, "at", "key").values()) == 11
    assert by_hour.counted_since is None


def test_usage_of_named_keys_is_one_call(tk: Any, clock: FakeClock, used: dict[str, str]) -> None:
    a, b, c = used.values()
    found = tk.usage.summary(key_ids=[a, c, "key_unknown"], group_by=["key", "day", "code"])
    assert {one.key for one in found.groups} == {a, c}
    assert sum(one.count for one in found.groups) == 7
    assert by(tk.usage.summary(key_ids=[b], owner="ada", group_by=["key"]), "key") == {b: 4}
    assert tk.usage.summary(key_ids=[b], owner="bob").groups == ()
    assert by(tk.usage.summary(owner="ada", group_by=["owner", "code"]), "owner", "code")["ada", "valid"] == 4


def test_the_time_and_the_largest_groups_can_be_chosen(tk: Any, clock: FakeClock, used: dict[str, str]) -> None:
    since = clock.now() - 2 * DAY - timedelta(hours=1)
    assert sum(one.count for one in tk.usage.summary(since=since).groups) == 9
    assert sum(one.count for one in tk.usage.summary(since=since, until=clock.now() - DAY).groups) in (4, 9)
    assert tk.usage.summary(until=clock.now() - 20 * DAY, since=clock.now() - 30 * DAY).groups == ()
    assert tk.usage.summary(group_by=["code"], limit=1).groups == (UsageGroup(code="valid", count=8),)


@pytest.mark.rules
def test_usage_that_is_kept_by_the_day_counts_on(tk: Any, clock: FakeClock, used: dict[str, str]) -> None:
    everything = tk.usage.summary(since=clock.now() - 30 * DAY, group_by=["day", "key", "code"])
    clock.advance(40 * DAY)
    upkeep(tk)
    assert tk.usage.summary(since=clock.now() - 70 * DAY, group_by=["day", "key", "code"]) == everything
    with pytest.raises(Invalid, match="group by day"):
        tk.usage.summary(since=clock.now() - 70 * DAY, group_by=["hour"])


def test_one_call_counts_the_newest_usage_of_a_large_tenant_and_says_since_when(
    tk: Any, clock: FakeClock, used: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenry.store.usage_summary.ROWS", 2)
    found = tk.usage.summary(group_by=["owner"])
    assert found.counted_since is not None
    assert by(found, "owner") == {"bob": 4, "ada": 1}
    assert found.counted_since > clock.now() - 2 * DAY
    assert by(tk.usage.summary(key_ids=[used["a"]], group_by=["key"]), "key") == {used["a"]: 3}
    monkeypatch.setattr("tokenry.store.usage_summary.OWN_KEYS", 1)
    assert by(tk.usage.summary(owner="ada", group_by=["owner"]), "owner") == {"ada": 1}


def test_an_owner_sees_its_own_usage_only(tk: Any, used: dict[str, str], acme: str) -> None:
    assert by(tk.usage.summary(group_by=["owner"], by="bob"), "owner") == {"bob": 4}
    assert tk.usage.summary(key_ids=[used["a"]], by="bob").groups == ()
    assert tk.usage.summary(tenant=acme).groups == ()
    assert tk.usage.summary(tenant=acme, key_ids=[used["a"]]).groups == ()
    with pytest.raises(NotFound):
        tk.usage.summary(owner="ada", by="bob")


@pytest.mark.rules
@pytest.mark.parametrize(
    "given",
    [
        {"group_by": []},
        {"group_by": "day"},
        {"group_by": ["month"]},
        {"group_by": ["day", "day"]},
        {"group_by": ["day", "hour"]},
        {"group_by": [["day"]]},
        {"key_ids": []},
        {"key_ids": "key_1"},
        {"key_ids": ["key"] * 101},
        {"limit": 0},
        {"limit": 5001},
        {"limit": True},
        {"since": "yesterday"},
        {"until": 7},
    ],
    ids=repr,
)
def test_what_cannot_be_added_up_is_invalid(tk: Any, given: Any) -> None:
    with pytest.raises(Invalid):
        tk.usage.summary(**given)
