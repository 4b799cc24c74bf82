"""Records answer for themselves: what is true, what is false, and how a page is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tokenry.core.model import NOT_GIVEN, AuditReport, BulkItem, Page, ScopeCheck, micros, moment, moment_or_none
from tokenry.core.policy import ACCESS_LIFE_LEAST, ACCESS_LIFE_MOST, TokenPolicy
from tokenry.core.refresh import Rules

ANY: Any = object()


@pytest.mark.parametrize(
    ("record", "is_fine"),
    [
        (AuditReport(3, ()), True),
        (AuditReport(0, ("the head is missing",)), False),
        (ScopeCheck(()), True),
        (ScopeCheck(("a",)), False),
        (BulkItem(ANY), True),
        (BulkItem(ANY, "not_allowed"), False),
    ],
)
def test_a_report_is_true_when_nothing_is_wrong(record: object, is_fine: bool) -> None:
    assert bool(record) is is_fine


def test_a_page_is_a_collection_of_its_items() -> None:
    page = Page(("a", "b"))
    assert (list(page), len(page), page.next_cursor) == (["a", "b"], 2, None)


def test_moments_are_microseconds_since_the_epoch() -> None:
    at = datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)
    assert (micros(at), moment(1_000_005), moment_or_none(1_000_005), moment_or_none(None)) == (1_000_005, at, at, None)


def test_what_is_not_given_says_so() -> None:
    assert repr(NOT_GIVEN) == "NOT_GIVEN"


def test_a_policy_names_the_issuer_of_a_tenant_and_hides_its_secret() -> None:
    policy = TokenPolicy(
        issuer="https://keys.example", access_life=1, rules=Rules(1, 1, 1), one_session=False, bind_access=False,
        algorithm="HS256", shared_secret=b"hidden", signing_key_life=1,
    )  # fmt: skip
    assert policy.issuer_of("acme") == "https://keys.example/t/acme"
    assert "hidden" not in repr(policy)


def test_an_access_token_lives_from_ten_seconds_to_a_day() -> None:
    assert (ACCESS_LIFE_LEAST, ACCESS_LIFE_MOST) == (10_000_000, 86_400_000_000)
