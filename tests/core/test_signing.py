"""The life of a signing key follows from its times alone, at the very microsecond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tokenry.core.signing import (
    RETIRING,
    SigningRow,
    by_age,
    is_shown,
    signer,
    status,
    successor,
    verifies,
    was_removed,
)

ROW = SigningRow("ten", "k", "ES256", b"", "gen", created_at=0, active_at=10, retired_at=20, removed_at=30)


def row(kid: str = "k", **given: Any) -> SigningRow:
    return replace(SigningRow("ten", kid, "ES256", b"", "gen", created_at=0), **given)


@pytest.mark.parametrize(
    ("now", "where"),
    [(9, "next"), (10, "active"), (19, "active"), (20, "retiring"), (29, "retiring"), (30, "removed")],
)
def test_a_key_is_next_active_retiring_and_removed(now: int, where: str) -> None:
    assert status(ROW, now) == where
    assert verifies(ROW, now) is (where != "removed")
    assert is_shown(ROW, now) is (where != "removed")
    assert not is_shown(replace(ROW, algorithm="HS256"), now), "a shared secret is never shown"


def test_a_key_without_times_waits() -> None:
    assert status(row(), 10**18) == "next"
    assert verifies(row(), 10**18)


def test_a_key_that_somebody_removed_is_told_from_one_that_has_grown_old() -> None:
    assert not was_removed(row())
    assert not was_removed(row(retired_at=20, removed_at=20 + RETIRING))
    assert was_removed(row(retired_at=20, removed_at=19 + RETIRING))
    assert was_removed(row(removed_at=RETIRING - 1))
    assert not was_removed(row(removed_at=RETIRING))


def test_the_newest_active_key_of_the_algorithm_signs() -> None:
    rows = [
        row("old", active_at=1),
        row("new", active_at=5),
        row("equal", active_at=5),
        row("other", active_at=9, algorithm="RS256"),
        row("coming", active_at=11),
        row("gone", active_at=9, retired_at=10),
    ]
    found = signer(rows, "ES256", 10)
    assert found is not None
    assert found.kid == "new"
    assert signer(rows, "HS256", 10) is None
    assert signer([row("first", active_at=0), row("zero", active_at=0)], "ES256", 10) == row("zero", active_at=0)


def test_the_oldest_waiting_key_of_the_algorithm_signs_next() -> None:
    rows = [
        row("b", created_at=2),
        row("a", created_at=2),
        row("c", created_at=3),
        row("other", created_at=1, algorithm="RS256"),
        row("active", created_at=0, active_at=1),
    ]
    found = successor(rows, "ES256", 10)
    assert found is not None
    assert found.kid == "a"
    assert successor(rows, "HS256", 10) is None


def test_keys_are_sorted_by_age_and_by_how_far_they_are() -> None:
    rows = [
        row("d", created_at=1),
        row("c"),
        row("b", active_at=5),
        row("a", active_at=5, retired_at=9),
        row("0", active_at=5, retired_at=9),
    ]
    assert [one.kid for one in sorted(rows, key=by_age)] == ["0", "a", "b", "c", "d"]
