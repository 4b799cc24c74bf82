"""Credits: uses that are left on a key, ever or until a refill, taken exactly and together with the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Credits, Invalid, Limit, NotAllowed
from tokenry.testing import FakeClock
from tokenry.types import Issued

SHARED = Credits(1000, shared=True)


def codes(tk: Any, issued: Issued, count: int) -> list[str]:
    return [tk.verify(issued.secret).code for _ in range(count)]


def test_a_key_works_as_often_as_it_has_credits(tk: Any, issue: Issue) -> None:
    issued = issue(credits=3)
    verdicts = [tk.verify(issued.secret) for _ in range(5)]
    assert [verdict.code for verdict in verdicts] == ["valid"] * 3 + ["quota_exceeded"] * 2
    assert [verdict.credits.remaining for verdict in verdicts] == [2, 1, 0, 0, 0]
    assert {(v.credits.key, v.credits.amount, v.credits.reset_at) for v in verdicts} == {(issued.key.id, 3, None)}
    assert verdicts[-1].retry_after is None


def test_a_key_without_credits_has_none_in_its_verdict(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert issued.key.credits is tk.verify(issued.secret).credits is None
    assert tk.verify("nonsense").credits is None


def test_shared_credits_admit_exactly_their_number_too(tk: Any, issue: Issue) -> None:
    issued = issue(credits=SHARED)
    assert codes(tk, issued, 1003) == ["valid"] * 1000 + ["quota_exceeded"] * 3


def test_a_cost_takes_so_many_credits_or_none(tk: Any, issue: Issue) -> None:
    issued = issue(credits=5)
    assert tk.verify(issued.secret, cost=3).credits.remaining == 2
    refused = tk.verify(issued.secret, cost=3)
    assert (refused.code, refused.credits.remaining) == ("quota_exceeded", 2)
    assert tk.verify(issued.secret, cost=2)
    assert not tk.verify(issued.secret)
    asked = tk.verify(issued.secret, cost=0)
    assert (asked.code, asked.credits.remaining) == ("valid", 0)


def test_what_the_credits_refuse_takes_nothing_from_the_limits(tk: Any, issue: Issue) -> None:
    issued = issue(credits=2, limits=[Limit("minute", 10, 60)])
    for _ in range(3):
        assert tk.verify(issued.secret, cost=3).code == "quota_exceeded"
    verdict = tk.verify(issued.secret, cost=2)
    assert (verdict.limits[0].remaining, verdict.credits.remaining) == (8, 0)


@pytest.mark.parametrize("credits", [Credits(10), SHARED])
def test_what_a_limit_refuses_takes_no_credits(tk: Any, issue: Issue, credits: Credits) -> None:
    issued = issue(credits=credits, limits=[Limit("minute", 2, 60)])
    for _ in range(3):
        assert tk.verify(issued.secret, cost=3).code == "rate_limited"
    verdict = tk.verify(issued.secret, cost=2)
    assert (verdict.limits[0].remaining, verdict.credits.remaining) == (0, credits.amount - 2)


def test_whatever_else_refuses_takes_no_credits(tk: Any, issue: Issue) -> None:
    issued = issue(credits=1, scopes=["read:a"])
    assert tk.verify(issued.secret, scopes=["write:a"]).code == "insufficient_scope"
    tk.explain(issued.secret)
    tk.keys.explain(issued.key.id)
    assert codes(tk, issued, 2) == ["valid", "quota_exceeded"]


def test_explain_says_that_the_credits_do_not_suffice(tk: Any, issue: Issue) -> None:
    issued = issue(credits=2)
    assert tk.explain(issued.secret, cost=2)
    assert tk.explain(issued.secret, cost=3).code == "quota_exceeded"
    assert tk.keys.explain(issued.key.id, cost=2)
    assert tk.keys.explain(issued.key.id, cost=3).code == "quota_exceeded"


def test_a_token_takes_from_the_credits_of_its_key(tk: Any, issue: Issue) -> None:
    issued = issue(credits=3)
    token = tk.exchange(issued.secret)
    assert tk.verify(token.access).credits.remaining == 1
    assert [tk.verify(token.access).code for _ in range(2)] == ["valid", "quota_exceeded"]


@pytest.mark.parametrize("shared", [False, True])
def test_a_daily_refill_comes_at_midnight(tk: Any, clock: FakeClock, issue: Issue, shared: bool) -> None:
    issued = issue(credits=Credits(2, refill="daily", shared=shared))
    clock.set(datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC))
    assert codes(tk, issued, 2) == ["valid"] * 2
    refused = tk.verify(issued.secret)
    assert (refused.retry_after, refused.credits.reset_at) == (1, datetime(2026, 1, 2, tzinfo=UTC))
    assert tk.verify(issued.secret, cost=3).retry_after is None  # no refill covers that
    clock.advance(timedelta(microseconds=1))
    assert codes(tk, issued, 3) == ["valid", "valid", "quota_exceeded"]
    assert tk.verify(issued.secret).credits.reset_at == datetime(2026, 1, 3, tzinfo=UTC)


def test_missed_refills_are_one(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(credits=Credits(2, refill="daily"), expires_in=timedelta(days=30))
    clock.advance(timedelta(days=9))
    assert codes(tk, issued, 3) == ["valid", "valid", "quota_exceeded"]


def test_what_is_left_is_lost_at_a_refill(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(credits=Credits(1000, refill="daily", shared=True))
    assert tk.verify(issued.secret)
    clock.advance(timedelta(days=1))
    assert tk.verify(issued.secret, cost=0).credits.remaining == 1000
    assert tk.verify(issued.secret, cost=1000)
    assert not tk.verify(issued.secret)


def test_the_clock_going_back_brings_no_second_refill(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(credits=Credits(1, refill="daily"))
    clock.advance(timedelta(days=1))
    assert codes(tk, issued, 2) == ["valid", "quota_exceeded"]
    clock.advance(timedelta(days=-1))
    assert codes(tk, issued, 1) == ["quota_exceeded"]
    clock.advance(timedelta(days=1))
    assert codes(tk, issued, 1) == ["quota_exceeded"]


def test_a_monthly_refill_comes_on_its_day_in_the_time_zone_of_the_tenant(tk: Any, clock: FakeClock) -> None:
    tk.tenants.create("berlin", time_zone="Europe/Berlin")
    tk.owners.put("ada", tenant="berlin")
    credits = Credits(1, refill="monthly", refill_day=31)
    issued = tk.keys.issue("ada", name="a", credits=credits, expires_in=timedelta(days=365), tenant="berlin")
    ends = []
    for _ in range(4):
        ends.append(tk.verify(issued.secret).credits.reset_at)
        clock.set(ends[-1])
    assert [f"{end:%m-%d %H}" for end in ends] == ["01-30 23", "02-27 23", "03-30 22", "04-29 22"]


def test_a_change_keeps_what_was_used(tk: Any, issue: Issue) -> None:
    issued = issue(credits=10)
    assert tk.verify(issued.secret, cost=4)
    assert tk.keys.update(issued.key.id, credits=20).credits == Credits(20)
    assert tk.verify(issued.secret, cost=0).credits.remaining == 16
    tk.keys.update(issued.key.id, credits=2)
    assert tk.verify(issued.secret).credits.remaining == 0
    tk.keys.update(issued.key.id, credits={"amount": 5})
    assert codes(tk, issued, 2) == ["valid", "quota_exceeded"]
    tk.keys.update(issued.key.id, credits=None)
    assert tk.verify(issued.secret).credits is None
    tk.keys.update(issued.key.id, credits=1)
    assert codes(tk, issued, 2) == ["valid", "quota_exceeded"]


def test_a_harmless_change_and_a_rotation_give_nothing_back(tk: Any, issue: Issue) -> None:
    issued = issue(credits=3)
    assert tk.verify(issued.secret)
    tk.keys.update(issued.key.id, description="x")
    again = tk.keys.rotate(issued.key.id, grace=timedelta(hours=1))
    assert codes(tk, issued, 1) == ["valid"]
    assert codes(tk, again, 2) == ["valid", "quota_exceeded"]


def test_credits_are_shown_wherever_the_key_is(tk: Any, issue: Issue) -> None:
    credits = Credits(5, refill="monthly", refill_day=15, shared=True)
    issued = issue(credits=credits)
    shown = [issued.key, tk.keys.get(issued.key.id), *tk.keys.list(), tk.verify(issued.secret).key]
    assert {key.credits for key in shown} == {credits}
    [entry] = tk.audit.list(action="key.issued")
    assert entry.after["credits"] == {"amount": 5, "refill": "monthly", "refill_day": 15, "shared": True}


def test_an_owner_cannot_change_the_credits_of_its_key(tk: Any, issue: Issue) -> None:
    issued = issue(credits=1, by="ada")
    with pytest.raises(NotAllowed):
        tk.keys.update(issued.key.id, credits=10, by="ada")
    assert tk.keys.update(issued.key.id, description="mine", by="ada").credits == Credits(1)


@pytest.mark.rules
@pytest.mark.parametrize(
    ("credits", "fields"),
    [
        (-1, ["credits.amount"]),
        (10**12 + 1, ["credits.amount"]),
        (True, ["credits"]),
        ("5", ["credits"]),
        ({"amount": 1.5, "refill": "weekly", "refill_day": 0, "shared": 1}, 4),
        ({"refill": "daily"}, ["credits.amount"]),
        ({"amount": 1, "left": 2}, ["credits.left"]),
        (Credits(1, refill="daily", refill_day=2), ["credits.refill_day"]),
        (Credits(1, refill="monthly", refill_day=32), ["credits.refill_day"]),
    ],
)
def test_malformed_credits_are_invalid(tk: Any, issue: Issue, credits: Any, fields: Any) -> None:
    with pytest.raises(Invalid) as raised:
        issue(credits=credits)
    found = [error.field for error in raised.value.errors]
    assert found == fields if isinstance(fields, list) else len(found) == fields


@pytest.mark.rules
def test_a_time_zone_is_an_iana_name(tk: Any) -> None:
    assert tk.tenants.get("default").time_zone == "UTC"
    assert tk.tenants.update("default", time_zone="America/New_York").time_zone == "America/New_York"
    for wrong in ("Europe/Atlantis", "../etc/passwd", "", "x" * 65, None, 5):
        with pytest.raises(Invalid) as raised:
            tk.tenants.update("default", time_zone=wrong)
        assert [error.code for error in raised.value.errors] == ["unknown_time_zone"]


def test_deleting_a_key_removes_its_credits(tk: Any, issue: Issue) -> None:
    issued = issue(credits=1)
    tk.keys.delete(issued.key.id)
    assert tk.verify(issued.secret).code == "not_found"
