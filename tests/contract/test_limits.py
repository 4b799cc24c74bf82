"""Limits: never more than the limit inside one window, all of them or none, and exact answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import QUIET, Installation
from tokenry import Invalid, Limit
from tokenry.testing import FakeClock

MINUTE = Limit("minute", 3, 60)
DAY = Limit("day", 5, 86_400)


def left(verdict: Any) -> dict[str, int]:
    """Return what remained of every limit."""
    return {limit.name: limit.remaining for limit in verdict.limits}


def test_a_limit_admits_exactly_its_number_in_a_window(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    verdicts = [tk.verify(issued.secret) for _ in range(5)]
    assert [verdict.code for verdict in verdicts] == ["valid"] * 3 + ["rate_limited"] * 2
    assert [left(verdict)["minute"] for verdict in verdicts] == [2, 1, 0, 0, 0]


def test_a_large_limit_admits_exactly_its_number_too(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("many", 434, 60)])
    codes = [tk.verify(issued.secret).code for _ in range(500)]
    assert codes == ["valid"] * 434 + ["rate_limited"] * 66


def test_windows_are_aligned_to_the_epoch_and_begin_anew(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    clock.set(datetime(2026, 1, 1, 12, 0, 59, 999_999, tzinfo=UTC))
    assert tk.verify(issued.secret, cost=3).limits[0].reset_at == datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    assert not tk.verify(issued.secret)
    clock.advance(timedelta(microseconds=1))
    verdict = tk.verify(issued.secret)
    assert left(verdict) == {"minute": 2}
    assert verdict.limits[0].reset_at == datetime(2026, 1, 1, 12, 2, tzinfo=UTC)


def test_every_answer_carries_the_state_of_every_limit(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE, DAY])
    for verdict in (tk.verify(issued.secret, cost=2), tk.verify(issued.secret, cost=2)):
        assert [(limit.name, limit.limit, limit.window_seconds) for limit in verdict.limits] == [
            ("minute", 3, 60),
            ("day", 5, 86_400),
        ]
        assert left(verdict) == {"minute": 1, "day": 3}
        assert [limit.reset_at for limit in verdict.limits] == [
            datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
            datetime(2026, 1, 2, tzinfo=UTC),
        ]


def test_all_limits_are_taken_or_none(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[DAY, MINUTE])
    assert left(tk.verify(issued.secret, cost=3)) == {"day": 2, "minute": 0}
    for _ in range(4):
        refused = tk.verify(issued.secret)
        assert (refused.code, left(refused)) == ("rate_limited", {"day": 2, "minute": 0})
    clock.advance(timedelta(minutes=1))
    assert left(tk.verify(issued.secret, cost=2)) == {"day": 0, "minute": 1}
    assert left(tk.verify(issued.secret)) == {"day": 0, "minute": 1}


def test_a_cost_that_does_not_fit_takes_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    assert left(tk.verify(issued.secret)) == {"minute": 2}
    for _ in range(3):
        refused = tk.verify(issued.secret, cost=3)
        assert (refused.code, left(refused)) == ("rate_limited", {"minute": 2})
    assert tk.verify(issued.secret, cost=2)


def test_a_cost_beyond_the_limit_is_refused_and_takes_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    refused = tk.verify(issued.secret, cost=4)
    assert (refused.code, left(refused)) == ("rate_limited", {"minute": 3})
    assert tk.verify(issued.secret, cost=3)


def test_cost_0_asks_without_taking(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    for _ in range(5):
        assert left(tk.verify(issued.secret, cost=0)) == {"minute": 3}
    tk.verify(issued.secret, cost=3)
    verdict = tk.verify(issued.secret, cost=0)
    assert (verdict.code, left(verdict)) == ("valid", {"minute": 0})


def test_a_negative_cost_is_invalid_and_gives_nothing_back(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    tk.verify(issued.secret, cost=3)
    with pytest.raises(Invalid):
        tk.verify(issued.secret, cost=-3)
    assert not tk.verify(issued.secret)


def test_retry_after_is_the_whole_seconds_after_which_one_call_passes(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    tk.verify(issued.secret, cost=3)
    for passed, retry_after in ((0, 60), (0.5, 60), (1, 59), (59, 1), (59.999_999, 1)):
        clock.set(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=passed))
        assert tk.verify(issued.secret).retry_after == retry_after, passed
    clock.set(datetime(2026, 1, 1, 0, 0, 30, 250_000, tzinfo=UTC))
    clock.advance(timedelta(seconds=tk.verify(issued.secret).retry_after))
    assert tk.verify(issued.secret)


def test_retry_after_waits_for_the_last_of_the_limits_that_are_used_up(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE, Limit("hour", 3, 3600), DAY])
    tk.verify(issued.secret, cost=3)
    assert tk.verify(issued.secret).retry_after == 3600


def test_other_refusals_take_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE], scopes=["a"], allowed_ips=["10.0.0.1"])
    for _ in range(3):
        assert tk.verify(issued.secret, ip="10.0.0.2").code == "ip_not_allowed"
        assert tk.verify(issued.secret, ip="10.0.0.1", scopes="b").code == "insufficient_scope"
    assert left(tk.verify(issued.secret, ip="10.0.0.1")) == {"minute": 2}


def test_a_harmless_update_and_a_rotation_reset_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    assert tk.verify(issued.secret, cost=2)
    tk.keys.update(issued.key.id, description="changed", scopes=["a"])
    assert left(tk.verify(issued.secret)) == {"minute": 0}
    rotated = tk.keys.rotate(issued.key.id, grace=timedelta(minutes=5))
    for secret in (issued.secret, rotated.secret):
        assert tk.verify(secret).code == "rate_limited"


def test_disabling_and_enabling_resets_nothing(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    tk.verify(issued.secret, cost=3)
    tk.keys.disable(issued.key.id)
    tk.keys.enable(issued.key.id)
    assert tk.verify(issued.secret).code == "rate_limited"


@pytest.mark.lasting
def test_an_eviction_and_a_restart_reset_nothing(installation: Installation) -> None:
    from dataclasses import replace

    tk = installation.open(settings=replace(QUIET, memory_entries=1))
    tk.owners.put("ada")
    keys = [tk.keys.issue("ada", name=f"k{number}", limits=[MINUTE]) for number in range(3)]
    for issued in keys:
        assert tk.verify(issued.secret, cost=2)
    for issued in keys:
        assert left(tk.verify(issued.secret, cost=0)) == {"minute": 1}
    tk = installation.reopen(tk)
    for issued in keys:
        assert left(tk.verify(issued.secret)) == {"minute": 0}
        assert not tk.verify(issued.secret)


def test_an_old_and_a_new_secret_share_the_limits_of_their_key(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    rotated = tk.keys.rotate(issued.key.id, grace=timedelta(minutes=5))
    assert left(tk.verify(issued.secret)) == {"minute": 2}
    assert left(tk.verify(rotated.secret)) == {"minute": 1}
    assert left(tk.verify(issued.secret)) == {"minute": 0}
    assert not tk.verify(rotated.secret)


def test_a_changed_limit_counts_on_what_was_taken(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 100, 60)])
    assert tk.verify(issued.secret, cost=10)
    tk.keys.update(issued.key.id, limits=[Limit("a", 12, 60)])
    assert left(tk.verify(issued.secret)) == {"a": 1}
    tk.keys.update(issued.key.id, limits=[Limit("a", 5, 60)])
    assert (tk.verify(issued.secret).code, left(tk.verify(issued.secret))) == ("rate_limited", {"a": 0})
    tk.keys.update(issued.key.id, limits=[Limit("a", 20, 60)])
    assert left(tk.verify(issued.secret)) == {"a": 8}


def test_limits_can_be_removed_and_added(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    tk.verify(issued.secret, cost=3)
    tk.keys.update(issued.key.id, limits=[])
    assert tk.verify(issued.secret).limits == ()
    tk.keys.update(issued.key.id, limits=[MINUTE])
    assert tk.verify(issued.secret).code == "rate_limited"


def test_the_state_of_limits_is_shown_without_the_secret(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[MINUTE, Limit("hour", 1000, 3600)])
    assert [limit.remaining for limit in tk.keys.limits(issued.key.id)] == [3, 1000]
    verdict = tk.verify(issued.secret, cost=2)
    assert tk.keys.limits(issued.key.id) == verdict.limits
    clock.advance(timedelta(minutes=1))
    assert [limit.remaining for limit in tk.keys.limits(issued.key.id)] == [3, 998]


@pytest.mark.lasting
def test_instances_together_admit_no_more_than_the_limit(installation: Installation, tk: Any, issue: Issue) -> None:
    others = [tk, installation.open()]
    small, large = issue(limits=[Limit("small", 7, 60)]), issue(limits=[Limit("large", 300, 60)])
    for issued, limit in ((small, 7), (large, 300)):
        admitted = sum(bool(others[turn % 2].verify(issued.secret)) for turn in range(2 * limit))
        assert 0.99 * limit <= admitted <= limit, issued.key.limits


def test_a_clock_that_goes_back_gives_nothing_twice(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(limits=[MINUTE])
    clock.advance(timedelta(minutes=10))
    tk.verify(issued.secret, cost=3)
    clock.advance(timedelta(minutes=-5))
    assert not tk.verify(issued.secret)


@pytest.mark.parametrize(
    "limits",
    [
        [Limit("a", 0, 60)],
        [Limit("a", -1, 60)],
        [Limit("a", 1, 0)],
        [Limit("a", 1.5, 60)],  # type: ignore[arg-type]
        [Limit("a", True, 60)],
        [Limit("", 1, 60)],
        [Limit("A b", 1, 60)],
        [Limit("a", 1, 60), Limit("a", 2, 3600)],
        [Limit(f"l{number}", 1, 60) for number in range(9)],
        [("a", 1, 60)],
        [{"name": "a", "limit": 1}],
        "a",
    ],
    ids=repr,
)
@pytest.mark.rules
def test_malformed_limits_are_invalid_and_nothing_is_stored(tk: Any, issue: Issue, limits: Any) -> None:
    with pytest.raises(Invalid) as refused:
        issue(limits=limits)
    assert {error.field.partition("[")[0] for error in refused.value.errors} == {"limits"}
    assert len(tk.keys.list()) == 0


def test_a_limit_may_be_given_as_a_mapping(issue: Issue) -> None:
    assert issue(limits=[{"name": "minute", "limit": 3, "window_seconds": 60}]).key.limits == (MINUTE,)
