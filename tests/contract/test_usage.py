"""Usage: exact counts, written in batches, never on the way of a verification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Invalid, Limit
from tokenry.testing import FakeClock
from tokenry.types import TokenryError

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def counts(tk: Any, key_id: str, **given: Any) -> list[tuple[int, str, int]]:
    """Return what was counted, by the hour since the start."""
    return [((use.at - START) // HOUR, use.code, use.count) for use in tk.usage.get(key_id, **given)]


def test_use_count_is_exactly_the_number_of_successes(tk: Any, issue: Issue) -> None:
    issued = issue(scopes=["a"], limits=[Limit("ten", 10, 3600)])
    verdicts = [tk.verify(issued.secret, scopes="b" if number % 3 == 0 else "a") for number in range(30)]
    successes = [verdict.code for verdict in verdicts].count("valid")
    assert successes == 10
    tk.flush()
    key = tk.keys.get(issued.key.id)
    assert key.use_count == key.secrets[0].use_count == 10
    assert counts(tk, issued.key.id) == [(0, "insufficient_scope", 10), (0, "rate_limited", 10), (0, "valid", 10)]


def test_a_verification_writes_nothing_until_it_is_flushed(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    assert (tk.keys.get(issued.key.id).use_count, counts(tk, issued.key.id)) == (0, [])
    tk.flush()
    assert (tk.keys.get(issued.key.id).use_count, counts(tk, issued.key.id)) == (1, [(0, "valid", 1)])
    tk.flush()
    assert tk.keys.get(issued.key.id).use_count == 1


def test_uses_are_counted_by_the_hour_and_code(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    for hour in range(3):
        for _ in range(hour + 1):
            assert tk.verify(issued.secret)
        tk.verify(issued.secret, scopes="a")
        clock.advance(HOUR)
    tk.flush()
    each = [
        (hour, code, count) for hour in range(3) for code, count in (("insufficient_scope", 1), ("valid", hour + 1))
    ]
    assert counts(tk, issued.key.id) == each
    assert counts(tk, issued.key.id, since=START + HOUR) == each[2:]
    assert counts(tk, issued.key.id, since=START + 3 * HOUR) == []


def test_the_last_use_is_kept_with_its_address(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret, ip="192.0.2.1")
    clock.advance(HOUR)
    assert tk.verify(issued.secret, ip="2001:db8::1")
    assert not tk.verify(issued.secret, scopes="a", ip="192.0.2.9")
    used_at = clock.now()
    clock.advance(HOUR)
    tk.flush()
    key = tk.keys.get(issued.key.id)
    assert (key.last_used_at, key.last_used_ip) == (used_at, "2001:db8::1")
    assert (key.secrets[0].last_used_at, key.secrets[0].last_used_ip) == (used_at, "2001:db8::1")


def test_the_last_use_never_moves_backwards(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    clock.advance(HOUR)
    late = clock.now()
    assert tk.verify(issued.secret, ip="192.0.2.1")
    tk.flush()
    clock.advance(-HOUR)
    assert tk.verify(issued.secret, ip="192.0.2.2")
    tk.flush()
    key = tk.keys.get(issued.key.id)
    assert (key.last_used_at, key.last_used_ip, key.use_count) == (late, "192.0.2.1", 2)


@pytest.mark.lasting
def test_several_instances_count_together(installation: Installation, tk: Any, issue: Issue) -> None:
    issued, others = issue(), [tk, installation.open(), installation.open()]
    for number, other in enumerate(others):
        for _ in range(number + 1):
            assert other.verify(issued.secret)
    for other in others:
        other.flush()
    assert tk.keys.get(issued.key.id).use_count == 6
    assert counts(tk, issued.key.id) == [(0, "valid", 6)]


@pytest.mark.lasting
def test_a_clean_stop_loses_nothing(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue()
    for _ in range(5):
        assert tk.verify(issued.secret)
    tk = installation.reopen(tk)
    assert tk.keys.get(issued.key.id).use_count == 5


def test_a_verdict_says_how_often_the_key_was_used_when_it_was_read(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret).key.use_count == 0


def test_usage_of_the_wrong_time_is_invalid(tk: Any, issue: Issue) -> None:
    issued = issue()
    for since in ("now", 7, datetime(2026, 1, 1)):  # noqa: DTZ001
        with pytest.raises(Invalid):
            tk.usage.get(issued.key.id, since=since)


def test_thousands_of_keys_are_counted_in_one_flush(tk: Any, issue: Issue) -> None:
    keys = tk.keys.issue_many({"owner": "ada", "name": f"k{number}"} for number in range(600))
    for one in keys:
        assert tk.verify(one.secret)
    tk.flush()
    assert {tk.keys.get(one.key.id).use_count for one in keys[::50]} == {1}
    assert len(tk.events.list(types=["key.first_used"], limit=100)) == 100


@pytest.mark.lasting
def test_counts_that_could_not_be_written_are_written_later(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    installation.sql("ALTER TABLE tokenry_usage_hour RENAME TO aside")
    try:
        with pytest.raises(TokenryError):
            tk.flush()
    finally:
        installation.sql("ALTER TABLE aside RENAME TO tokenry_usage_hour")
    assert tk.verify(issued.secret)
    tk.flush()
    assert counts(tk, issued.key.id) == [(0, "valid", 2)]
