"""Credits that are added, set and held: what was charged and what is held is never more than there was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Credits, Invalid, NotAllowed, NotFound
from tokenry.testing import FakeClock
from tokenry.types import CreditState


def upkeep(tk: Any) -> None:
    (getattr(tk, "_upkeep", None) or tk.thing._sync._upkeep)()


def stands(tk: Any, id: str) -> tuple[int, int]:
    state = tk.credits.get(id)
    return state.remaining, state.held


def test_added_credits_can_be_used(tk: Any, issue: Issue) -> None:
    issued = issue(credits=1)
    assert tk.verify(issued.secret)
    assert tk.credits.add(issued.key.id, 2) == CreditState(issued.key.id, 1, 2, 0, None)
    assert [tk.verify(issued.secret).code for _ in range(3)] == ["valid", "valid", "quota_exceeded"]


def test_a_refill_leaves_added_credits(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(credits=Credits(10, refill="daily"))
    tk.credits.add(issued.key.id, 5)
    assert tk.verify(issued.secret, cost=12).credits.remaining == 3
    clock.advance(timedelta(days=1))
    assert stands(tk, issued.key.id) == (13, 0)
    assert tk.verify(issued.secret).credits.remaining == 12


@pytest.mark.parametrize("shared", [False, True])
def test_set_says_what_is_left(tk: Any, issue: Issue, shared: bool) -> None:
    issued = issue(credits=Credits(1000, shared=shared))
    assert tk.verify(issued.secret)
    assert tk.credits.set(issued.key.id, 2).remaining == 2
    assert [tk.verify(issued.secret).code for _ in range(3)] == ["valid", "valid", "quota_exceeded"]


def test_changes_are_told_in_the_audit_log_and_as_events(tk: Any, issue: Issue) -> None:
    issued = issue(credits=3)
    tk.credits.add(issued.key.id, 4)
    tk.credits.set(issued.key.id, 1)
    entries = [(e.action, e.before, e.after) for e in tk.audit.list(subject=issued.key.id).items[:2]]
    assert entries == [
        ("key.credits_set", {"remaining": 7}, {"remaining": 1}),
        ("key.credits_added", {"remaining": 3}, {"remaining": 7, "added": 4}),
    ]
    types = [event.type for event in tk.events.list(types=["key.credits_added", "key.credits_set"])]
    assert types == ["key.credits_added", "key.credits_set"]


def test_a_use_and_a_hold_are_in_no_audit_log(tk: Any, issue: Issue) -> None:
    issued = issue(credits=9)
    tk.verify(issued.secret)
    tk.credits.reserve(issued.key.id, 5).settle(2)
    assert [entry.action for entry in tk.audit.list(subject=issued.key.id)] == ["key.issued"]


def test_the_keys_with_credits_are_listed(tk: Any, clock: FakeClock, issue: Issue) -> None:
    first, _, third = issue(credits=1), issue(), issue(credits=Credits(2, refill="daily"))
    tk.verify(third.secret)
    assert [(state.key, state.remaining) for state in tk.credits.list()] == [(third.key.id, 1), (first.key.id, 1)]
    page = tk.credits.list(limit=1)
    assert [state.key for state in tk.credits.list(limit=1, cursor=page.next_cursor)] == [first.key.id]
    assert [state.key for state in tk.credits.iterate(limit=1)] == [third.key.id, first.key.id]
    clock.advance(timedelta(days=1))
    assert [state.remaining for state in tk.credits.list()] == [2, 1]


def test_a_hold_sets_credits_aside_and_settling_frees_the_rest(tk: Any, issue: Issue) -> None:
    issued = issue(credits=500)
    hold = tk.credits.reserve(issued.key.id, 500)
    assert stands(tk, issued.key.id) == (0, 500)
    assert tk.verify(issued.secret).code == "quota_exceeded"
    settled = hold.settle(137)
    assert (settled.id, settled.charged, stands(tk, issued.key.id)) == (hold.id, 137, (363, 0))
    assert tk.verify(issued.secret).credits.remaining == 362


def test_a_released_hold_costs_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(credits=5)
    assert tk.credits.reserve(issued.key.id, 5).release().charged == 0
    assert stands(tk, issued.key.id) == (5, 0)


def test_more_than_is_left_is_not_held(tk: Any, issue: Issue) -> None:
    issued = issue(credits=5)
    tk.credits.reserve(issued.key.id, 3)
    with pytest.raises(Conflict) as raised:
        tk.credits.reserve(issued.key.id, 3)
    assert (raised.value.field, raised.value.details["remaining"]) == ("credits", 2)
    assert stands(tk, issued.key.id) == (2, 3)


def test_a_hold_is_settled_once_and_a_repeat_is_fine(tk: Any, issue: Issue) -> None:
    issued = issue(credits=10)
    hold = tk.credits.reserve(issued.key.id, 10)
    assert hold.settle(4) == hold.settle(4)
    with pytest.raises(Conflict) as raised:
        hold.settle(5)
    assert raised.value.field == "hold"
    with pytest.raises(Conflict):
        hold.release()
    assert stands(tk, issued.key.id) == (6, 0)


def test_a_hold_charges_at_most_what_it_has(tk: Any, issue: Issue) -> None:
    issued = issue(credits=10)
    hold = tk.credits.reserve(issued.key.id, 4)
    for wrong in (5, -1, 1.5, True, None):
        with pytest.raises(Invalid):
            hold.settle(wrong)
    assert stands(tk, issued.key.id) == (6, 4)


@pytest.mark.parametrize(("on_expiry", "left"), [("free", 10), ("charge", 6)])
@pytest.mark.parametrize("touch", ["get", "verify", "settle", "reserve", "list", "add"])
def test_a_hold_ends_at_its_time_whatever_comes_next(
    tk: Any, clock: FakeClock, issue: Issue, on_expiry: str, left: int, touch: str
) -> None:
    issued = issue(credits=10)
    id = issued.key.id
    hold = tk.credits.reserve(id, 4, expires_in=timedelta(minutes=1), on_expiry=on_expiry)
    clock.advance(timedelta(seconds=59))
    assert [one.id for one in tk.credits.holds(id)] == [hold.id]
    clock.advance(timedelta(seconds=1))
    assert tk.credits.holds(id) == ()
    if touch == "verify":
        assert tk.verify(issued.secret, cost=left)
        assert tk.verify(issued.secret).code == "quota_exceeded"
    elif touch == "settle":
        with pytest.raises(Conflict):
            hold.settle(2)
    elif touch == "reserve":
        tk.credits.reserve(id, left).release()
    elif touch == "list":
        assert [state.held for state in tk.credits.list()] == [0]
    elif touch == "add":
        assert tk.credits.add(id, 1).remaining == left + 1
        tk.credits.set(id, left)
    assert stands(tk, id) == ((0 if touch == "verify" else left), 0)


def test_a_hold_of_the_period_before_gives_nothing_to_the_next(tk: Any, clock: FakeClock, issue: Issue) -> None:
    clock.set(datetime(2026, 1, 1, 23, 59, tzinfo=UTC))
    issued = issue(credits=Credits(10, refill="daily"))
    hold = tk.credits.reserve(issued.key.id, 8)
    clock.advance(timedelta(minutes=2))
    assert stands(tk, issued.key.id) == (10, 8)
    hold.settle(1)
    assert stands(tk, issued.key.id) == (10, 0)


def test_added_credits_in_a_hold_outlast_a_refill(tk: Any, clock: FakeClock, issue: Issue) -> None:
    clock.set(datetime(2026, 1, 1, 23, 59, tzinfo=UTC))
    issued = issue(credits=Credits(10, refill="daily"))
    tk.credits.add(issued.key.id, 5)
    hold = tk.credits.reserve(issued.key.id, 15)
    clock.advance(timedelta(minutes=2))
    assert tk.verify(issued.secret).credits.remaining == 9
    hold.settle(12)
    assert stands(tk, issued.key.id) == (12, 0)


def test_what_is_held_while_credits_are_set_comes_back(tk: Any, issue: Issue) -> None:
    issued = issue(credits=10)
    hold = tk.credits.reserve(issued.key.id, 4)
    tk.credits.set(issued.key.id, 1)
    hold.settle(1)
    assert stands(tk, issued.key.id) == (4, 0)


def test_a_key_has_so_many_open_holds_at_most(tk: Any, clock: FakeClock, issue: Issue, most: int) -> None:
    issued = issue(credits=100)
    holds = [tk.credits.reserve(issued.key.id, 1) for _ in range(most)]
    with pytest.raises(Conflict, match="settle or release some") as raised:
        tk.credits.reserve(issued.key.id, 1)
    assert raised.value.field == "hold"
    assert stands(tk, issued.key.id) == (100 - most, most)
    holds[0].settle(1)
    tk.credits.reserve(issued.key.id, 1)
    clock.advance(timedelta(minutes=11))
    tk.credits.reserve(issued.key.id, 1)
    assert stands(tk, issued.key.id) == (98, 1)


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("tokenry.core.credits.HOLDS_MAX", 3)
    return 3


def test_holds_that_ended_a_day_ago_are_forgotten(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(credits=10)
    hold = tk.credits.reserve(issued.key.id, 1)
    still_open = tk.credits.reserve(issued.key.id, 1, expires_in=timedelta(days=3))
    hold.settle(1)
    clock.advance(timedelta(hours=23))
    upkeep(tk)
    assert hold.settle(1).charged == 1
    clock.advance(timedelta(hours=2))
    upkeep(tk)
    with pytest.raises(NotFound):
        hold.settle(1)
    assert [one.id for one in tk.credits.holds(issued.key.id)] == [still_open.id]


def test_only_credits_of_a_live_key_are_held(tk: Any, issue: Issue) -> None:
    issued = issue(credits=10)
    hold = tk.credits.reserve(issued.key.id, 4)
    tk.keys.revoke(issued.key.id)
    with pytest.raises(Conflict) as raised:
        tk.credits.reserve(issued.key.id, 1)
    assert raised.value.field == "status"
    assert hold.settle(3).charged == 3


def test_what_is_unknown_is_not_found(tk: Any, issue: Issue, acme: str) -> None:
    issued, without = issue(credits=5), issue()
    hold = tk.credits.reserve(issued.key.id, 1)
    for call in (
        lambda: tk.credits.get(without.key.id),
        lambda: tk.credits.add(without.key.id, 1),
        lambda: tk.credits.reserve(without.key.id, 1),
        lambda: tk.credits.get("key_unknown"),
        lambda: tk.credits.get(issued.key.id, tenant=acme),
        lambda: tk.credits.settle(issued.key.id, hold.id, 1, tenant=acme),
        lambda: tk.credits.settle(without.key.id, hold.id, 1),
        lambda: tk.credits.settle(issued.key.id, "hold_unknown", 1),
    ):
        with pytest.raises(NotFound):
            call()


def test_an_owner_sees_the_credits_of_its_keys_and_changes_none(tk: Any, issue: Issue) -> None:
    tk.owners.put("eve")
    id = issue(credits=5).key.id
    assert tk.credits.get(id, by="ada").remaining == 5
    with pytest.raises(NotFound):
        tk.credits.get(id, by="eve")
    hold = tk.credits.reserve(id, 1)
    for call in (
        lambda: tk.credits.add(id, 1, by="ada"),
        lambda: tk.credits.set(id, 1, by="ada"),
        lambda: tk.credits.reserve(id, 1, by="ada"),
        lambda: tk.credits.settle(id, hold.id, 0, by="ada"),
        lambda: tk.credits.list(by="ada"),
    ):
        with pytest.raises(NotAllowed):
            call()


@pytest.mark.rules
def test_malformed_values_are_invalid(tk: Any, issue: Issue) -> None:
    id = issue(credits=5).key.id
    for call in (
        lambda: tk.credits.add(id, 0),
        lambda: tk.credits.add(id, 10**12 + 1),
        lambda: tk.credits.set(id, -1),
        lambda: tk.credits.reserve(id, 0),
        lambda: tk.credits.reserve(id, 1, expires_in=timedelta(0)),
        lambda: tk.credits.reserve(id, 1, expires_in=timedelta(days=31)),
        lambda: tk.credits.reserve(id, 1, on_expiry="keep"),
    ):
        with pytest.raises(Invalid):
            call()
    with pytest.raises(Conflict):
        tk.credits.add(id, 10**12)


def test_deleting_a_key_removes_its_holds(tk: Any, issue: Issue) -> None:
    issued = issue(credits=5)
    hold = tk.credits.reserve(issued.key.id, 1)
    tk.keys.delete(issued.key.id)
    with pytest.raises(NotFound):
        hold.settle(1)
    assert list(tk.credits.list()) == []
