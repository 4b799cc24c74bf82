"""Small words of the rules: events, statuses, challenges, ids, issuers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from tokenry.core.codes import CHECKS, CODES, REFRESH_CODES, RefreshCode
from tokenry.core.events import matches
from tokenry.core.ids import Ids, is_id, make_id
from tokenry.core.limits import (
    CountedLimit,
    Limit,
    LimitState,
    carries,
    reset_at,
    seconds_until,
    state,
    window_of,
)
from tokenry.core.statuses import challenge, limit_fields, status_of
from tokenry.core.verdict import Check, Explanation, Refused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("*", True),
        ("key.issued", True),
        ("key.*", True),
        ("key", False),
        ("ke*", False),
        ("keys.*", False),
        ("", False),
    ],
)
def test_an_event_is_meant_by_its_name_its_noun_or_all(pattern: str, meant: bool) -> None:
    assert matches(pattern, "key.issued") is meant
    assert not matches("key.*", "keys.issued")


def test_the_codes_of_refusals_are_types_and_have_meanings() -> None:
    assert list(CHECKS) == list(CODES)
    assert list(get_args(RefreshCode)) == list(REFRESH_CODES)


def test_every_code_has_its_status() -> None:
    forbidden, too_many = {"ip_not_allowed", "insufficient_scope"}, {"quota_exceeded", "rate_limited", "throttled"}
    for code in {*CODES, *too_many}:
        assert status_of(code) == (403 if code in forbidden else 429 if code in too_many else 401), code
    assert status_of("valid") == 200


def test_a_challenge_says_what_is_wrong() -> None:
    assert challenge(None) == "Bearer"
    assert challenge("revoked") == 'Bearer error="invalid_token"'
    assert challenge("insufficient_scope") == 'Bearer error="insufficient_scope"'
    assert challenge("insufficient_scope", ["a", "b"]) == 'Bearer error="insufficient_scope", scope="a b"'


def test_the_fields_of_limits_tell_every_limit() -> None:
    limits = [
        LimitState("h", 10, 3600, 3, NOW + timedelta(seconds=1.5)),
        LimitState("d", 5, 86_400, 0, NOW - timedelta(seconds=1)),
        LimitState("h", 20, 60, 9, NOW, "owner"),
    ]
    assert limit_fields([], NOW) == []
    assert limit_fields(limits, NOW) == [
        ("RateLimit-Policy", '"h";q=10;w=3600, "d";q=5;w=86400, "owner/h";q=20;w=60'),
        ("RateLimit", '"h";r=3;t=2, "d";r=0;t=0, "owner/h";r=9;t=0'),
    ]


def test_windows_are_aligned_to_the_epoch() -> None:
    limit = CountedLimit("h", 10, 60)
    assert [window_of(limit, at * SECOND) for at in (0, 59, 60, 119)] == [0, 0, 1, 1]
    assert window_of(limit, 60 * SECOND - 1) == 0
    assert reset_at(limit, 0) == 60 * SECOND
    assert state(limit, 1, -3) == LimitState("h", 10, 60, 0, datetime(1970, 1, 1, 0, 2, tzinfo=UTC))
    assert state(limit, 0, 7).remaining == 7


def test_what_was_taken_counts_on_when_a_window_changes_its_length() -> None:
    minute = Limit("m", 10, 60)
    assert [carries(60, window, minute, 5) for window in (4, 5, 6)] == [False, True, True]
    assert [carries(3600, window, minute, 60) for window in (0, 1)] == [False, True]
    assert [carries(30, window, minute, 1) for window in (1, 2)] == [False, True]


@pytest.mark.parametrize(("after", "seconds"), [(-5, 1), (0, 1), (1, 1), (SECOND, 1), (SECOND + 1, 2), (9 * SECOND, 9)])
def test_waiting_is_told_in_whole_seconds_rounded_up(after: int, seconds: int) -> None:
    assert seconds_until(1000 + after, 1000) == seconds


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    ids = Ids()
    made = [
        ids.make("key", at, bytes([entropy] * 10))
        for at, entropy in ((9_000_000, 255), (9_000_000, 0), (1, 7), (9_001_000, 0))
    ]
    assert made == sorted(made)
    assert len(set(made)) == 4
    assert all(is_id("key", one) for one in made)
    assert all(re.fullmatch(r"key_[0-9A-Za-z]{22}", one) for one in made)


def test_an_id_holds_its_moment_and_its_chance() -> None:
    assert make_id("a", 5_000, bytes(10)) != make_id("a", 6_000, bytes(10))
    assert make_id("a", 5_000, bytes(10)) == make_id("a", 5_999, bytes(10)), "whole milliseconds"
    assert make_id("a", 5_000, bytes(9) + b"\1") != make_id("a", 5_000, bytes(10))
    assert make_id("a", 5_000, b"\xff" * 10 + b"x") == make_id("a", 5_000, b"\xff" * 10)


def test_the_last_chance_of_a_millisecond_is_followed_by_the_next_millisecond() -> None:
    ids = Ids()
    first = ids.make("a", 5_000, b"\xff" * 10)
    second = ids.make("a", 5_000, bytes(9) + b"\5")
    assert second > first
    assert second == make_id("a", 6_000, bytes(9) + b"\5")


@pytest.mark.parametrize(
    "text",
    [
        "key",
        "key_",
        "key_" + "0" * 21,
        "key_" + "0" * 23,
        "ses_" + "0" * 22,
        "key_" + "-" * 22,
        "key_" + "é" * 22,
        5,
        None,
    ],
)
def test_what_is_no_id_is_none(text: object) -> None:
    assert is_id("key", text) is False


def test_an_explanation_shows_its_checks() -> None:
    checks = (Check("malformed", True), Check("revoked", False), Check("expired", None))
    explanation = Explanation("revoked", checks)
    assert str(explanation) == "malformed: ok\nrevoked: failed  <- the verdict\nexpired: not checked"
    assert not explanation
    assert Explanation("valid", ())
    assert not Refused("revoked")
