"""Limits for things that are no keys: exact, apart for each subject, and gone after their windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Invalid, Limit, Tokenry
from tokenry.service import purging
from tokenry.testing import FakeClock
from tokenry.types import NestedCall, NotAllowed

MINUTE, DAY = Limit("minute", 3, 60), Limit("day", 5, 86_400)


def left(taken: Any) -> list[tuple[str, str, int]]:
    return [(one.of, one.name, one.remaining) for one in taken.limits]


def test_a_subject_is_admitted_exactly_its_limit(tk: Any, clock: FakeClock) -> None:
    answers = [tk.limits.take("emails", "ada", limits=[MINUTE]) for _ in range(5)]
    assert [bool(one) for one in answers] == [one.allowed for one in answers] == [True] * 3 + [False] * 2
    assert [left(one)[0] for one in answers] == [("subject", "minute", n) for n in (2, 1, 0, 0, 0)]
    assert (answers[2].limited_by, answers[2].retry_after) == (None, None)
    assert (answers[3].limited_by.name, answers[3].retry_after) == ("minute", 60)
    clock.advance(timedelta(minutes=1))
    assert tk.limits.take("emails", "ada", limits=[MINUTE])


def test_one_call_takes_from_all_limits_or_from_none(tk: Any, clock: FakeClock) -> None:
    both = [DAY, MINUTE]
    assert tk.limits.take("emails", "ada", limits=both, cost=3)
    for _ in range(3):
        assert not tk.limits.take("emails", "ada", limits=both)
    assert left(tk.limits.take("emails", "ada", limits=both, cost=0)) == [
        ("subject", "day", 2),
        ("subject", "minute", 0),
    ]
    too_dear = tk.limits.take("emails", "ada", limits=both, cost=9)
    assert (too_dear.allowed, too_dear.retry_after) == (False, None)


def test_each_tenant_name_and_subject_is_counted_apart(tk: Any) -> None:
    tk.tenants.create("acme")
    one = [Limit("minute", 1, 60)]
    places = [("emails", "ada", "default"), ("emails", "bob", "default"), ("sms", "ada", "default")]
    places += [("emails", "ada", "acme"), ("emailsa", "da", "default")]
    for expected in (True, False):
        for name, subject, tenant in places:
            assert bool(tk.limits.take(name, subject, limits=one, tenant=tenant)) is expected


def test_the_latest_call_says_how_large_a_limit_is_and_what_was_taken_stays_taken(tk: Any) -> None:
    for limit, remains in ((500, 497), (4, 0), (10, 6), (3, 0)):
        taken = tk.limits.take("emails", "ada", limits=[Limit("minute", limit, 60)], cost=3 if limit == 500 else 0)
        assert left(taken) == [("subject", "minute", remains + (1 if limit in (4, 10) else 0))]


@pytest.mark.lasting
def test_instances_together_admit_exactly_the_limit(installation: Installation, tk: Any) -> None:
    others = [tk, installation.open()]
    for limit in (7, 300):
        taken = [
            others[turn % 2].limits.take("jobs", f"of {limit}", limits=[Limit("m", limit, 60)])
            for turn in range(2 * limit)
        ]
        assert 0.99 * limit <= sum(map(bool, taken)) <= limit


@pytest.mark.lasting
def test_counters_of_subjects_go_a_day_after_their_window_and_those_of_keys_stay(
    installation: Installation, tk: Any, clock: FakeClock, issue: Issue
) -> None:
    issued = issue(limits=[MINUTE])
    assert tk.verify(issued.secret)
    for number in range(3):
        assert tk.limits.take("emails", f"user {number}", limits=[MINUTE, DAY])

    def rows() -> int:
        import sqlalchemy as sa

        with installation.connection() as connection:
            count: int = connection.execute(sa.text("SELECT count(*) FROM tokenry_limit_counter")).scalar()
        return count

    assert rows() == 7
    for advance, count in ((timedelta(hours=24, minutes=2), 4), (timedelta(hours=24), 1)):
        clock.advance(advance)
        tk = installation.reopen(tk)
        tk.verify(issued.secret, cost=0)
        tk.close()
        assert rows() == count
        tk = installation.open()


def test_upkeep_removes_a_batch_at_a_time_and_says_whether_there_are_more(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "_BATCH", 2)
    with Tokenry("sqlite://", clock=clock) as tk:
        for number in range(5):
            assert tk.limits.take("emails", f"user {number}", limits=[MINUTE])
        clock.advance(timedelta(days=2))
        assert [tk._upkeep() for _ in range(4)] == [True, True, False, False]


@pytest.mark.rules
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"subject": ""}, "subject"),
        ({"subject": "a\x00"}, "subject"),
        ({"limits": []}, "limits"),
        ({"limits": [Limit("a", 0, 60)]}, "limits"),
        ({"cost": -1}, "cost"),
        ({"cost": True}, "cost"),
    ],
)
def test_malformed_questions_are_invalid(tk: Any, given: dict[str, Any], field: str) -> None:
    asked = {"name": "emails", "subject": "ada", "limits": [MINUTE], **given}
    with pytest.raises(Invalid) as refused:
        tk.limits.take(asked.pop("name"), asked.pop("subject"), **asked)
    assert {one.field.partition("[")[0] for one in refused.value.errors} == {field}


def test_an_owner_may_not_take(tk: Any, issue: Issue) -> None:
    issued = issue()
    with pytest.raises(NotAllowed):
        tk.limits.take("emails", "ada", limits=[MINUTE], by=tk.verify(issued.secret))


def test_within_a_transaction_of_the_host_it_is_refused(installation: Installation, tk: Any) -> None:
    if installation.place == "memory":
        pytest.skip("nobody else has a connection")
    with installation.connection() as connection, tk.using(connection) as joined, pytest.raises(NestedCall):
        joined.limits.take("emails", "ada", limits=[MINUTE])
