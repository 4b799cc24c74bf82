"""When keys end: by default, as asked, within bounds, and who is told before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid
from tokenry.testing import FakeClock

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def test_a_key_lives_90_days_unless_told_otherwise(clock: FakeClock, issue: Issue) -> None:
    assert issue().key.expires_at == clock.now() + 90 * DAY


def test_a_tenant_says_how_long_its_keys_live(tk: Any, clock: FakeClock, acme: str) -> None:
    tk.tenants.update(acme, expires_in_default=7 * DAY)
    assert tk.keys.issue("ada", name="k", tenant=acme).key.expires_at == clock.now() + 7 * DAY


def test_never_is_said_explicitly_and_only_where_it_is_allowed(tk: Any, issue: Issue, acme: str) -> None:
    assert issue(expires_in=None).key.expires_at is None
    assert issue(expires_at=None).key.expires_at is None
    tk.tenants.update(acme, never_allowed=False)
    for never in ({"expires_in": None}, {"expires_at": None}):
        with pytest.raises(Invalid) as refused:
            tk.keys.issue("ada", name="k", tenant=acme, **never)
        assert [error.code for error in refused.value.errors] == ["never_not_allowed"]


def test_a_key_without_end_never_expires(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=None)
    clock.advance(100_000 * DAY)
    assert tk.verify(issued.secret)


def test_a_life_is_1_second_to_the_tenants_maximum(tk: Any, clock: FakeClock, issue: Issue) -> None:
    now = clock.now()
    assert issue(expires_in=SECOND).key.expires_at == now + SECOND
    assert issue(expires_at=now + SECOND).key.expires_at == now + SECOND
    assert issue(expires_in=3650 * DAY).key.expires_at == now + 3650 * DAY
    least, most = timedelta(microseconds=999_999), 3650 * DAY + timedelta(microseconds=1)
    for life in (timedelta(0), -DAY, least, most, timedelta.max, timedelta.min):
        with pytest.raises(Invalid) as refused:
            issue(expires_in=life)
        assert [(error.field, error.code) for error in refused.value.errors] == [("expires_in", "out_of_range")]
    for end in (now, now + least, now - DAY, now + most, datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(Invalid):
            issue(expires_at=end)
    assert len(tk.keys.list()) == 3


def test_the_maximum_is_the_tenants(tk: Any, acme: str) -> None:
    tk.tenants.update(acme, expires_in_default=DAY, expires_in_max=2 * DAY)
    assert tk.keys.issue("ada", name="k", tenant=acme, expires_in=2 * DAY)
    with pytest.raises(Invalid):
        tk.keys.issue("ada", name="l", tenant=acme, expires_in=2 * DAY + SECOND)


@pytest.mark.rules
@pytest.mark.parametrize(
    "given",
    [
        {"expires_in": DAY, "expires_at": datetime(2026, 2, 1, tzinfo=UTC)},
        {"expires_in": None, "expires_at": None},
        {"expires_in": 86_400},
        {"expires_at": "2026-02-01"},
        {"expires_at": datetime(2026, 2, 1)},  # noqa: DTZ001
        {"not_before": datetime(2026, 2, 1)},  # noqa: DTZ001
        {"not_before": datetime(2026, 2, 1, tzinfo=UTC), "expires_in": DAY},
        {"not_before": datetime(2026, 1, 2, tzinfo=UTC), "expires_at": datetime(2026, 1, 2, tzinfo=UTC)},
    ],
    ids=repr,
)
def test_an_ambiguous_or_naive_end_is_invalid(issue: Issue, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        issue(**given)


def test_a_time_in_any_zone_is_the_same_moment(tk: Any, issue: Issue) -> None:
    there = datetime(2026, 2, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    issued = issue(expires_at=there)
    assert tk.keys.get(issued.key.id).expires_at == datetime(2026, 2, 1, tzinfo=UTC) == issued.key.expires_at


def test_the_status_of_a_key_follows_from_the_time(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=DAY)
    assert tk.keys.get(issued.key.id).status == "active"
    clock.advance(DAY)
    assert tk.keys.get(issued.key.id).status == "expired"


def test_expiring_is_after_now_and_up_to_within(tk: Any, clock: FakeClock, issue: Issue) -> None:
    lives = {"now": timedelta(0), "soon": DAY, "edge": 7 * DAY, "beyond": 7 * DAY + timedelta(microseconds=1)}
    for name, life in lives.items():
        issue(name, expires_in=life + SECOND)
    issue("never", expires_in=None)
    clock.advance(SECOND)
    assert [key.name for key in tk.keys.expiring(within=7 * DAY)] == ["soon", "edge"]
    assert [key.name for key in tk.keys.list(expiring_within=7 * DAY)] == ["edge", "soon"]
    assert [key.name for key in tk.keys.expiring(within=timedelta(0))] == []


def test_expiring_shows_active_keys_only_and_filters_by_owner(tk: Any, issue: Issue, acme: str) -> None:
    tk.owners.put("bob")
    tk.keys.issue("bob", name="bobs", expires_in=DAY)
    tk.keys.issue("ada", name="foreign", expires_in=DAY, tenant=acme)
    tk.keys.disable(issue("disabled", expires_in=DAY).key.id)
    tk.keys.revoke(issue("revoked", expires_in=DAY).key.id)
    issue("mine", expires_in=DAY)
    assert {key.name for key in tk.keys.expiring(within=DAY)} == {"bobs", "mine"}
    assert {key.name for key in tk.keys.expiring(within=DAY, owner="ada")} == {"mine"}
    assert {key.name for key in tk.keys.expiring(within=DAY, by="bob")} == {"bobs"}
    assert {key.name for key in tk.keys.expiring(within=DAY, tenant=acme)} == {"foreign"}


def test_expiring_comes_in_pages_the_most_urgent_first(tk: Any, issue: Issue) -> None:
    for number in (3, 1, 2, 1, 2):
        issue(expires_in=number * DAY)
    seen, cursor = [], None
    while True:
        page = tk.keys.expiring(within=7 * DAY, limit=2, cursor=cursor)
        seen += [key.expires_at for key in page]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == 5


@pytest.mark.rules
@pytest.mark.parametrize("within", [-DAY, 7, None, 40_000 * DAY], ids=repr)
def test_a_length_that_makes_no_sense_is_invalid(tk: Any, within: Any) -> None:
    with pytest.raises(Invalid):
        tk.keys.expiring(within=within)
