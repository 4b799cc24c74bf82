"""Verification: the codes, their order, and what a verdict says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import QUIET, Installation
from tokenry import Denied, Invalid, Limit, NotFound
from tokenry.testing import FakeClock
from tokenry.types import CODES, Issued, KeyValid, Owner, Refused, Valid

ORDER = [
    "not_found",
    "tenant_suspended",
    "revoked",
    "disabled",
    "not_yet_valid",
    "expired",
    "owner_disabled",
    "ip_not_allowed",
    "insufficient_scope",
    "rate_limited",
]
HOUR = timedelta(hours=1)
BAD_ASKS: list[dict[str, Any]] = [
    {"cost": -1},
    {"cost": 1.5},
    {"cost": True},
    {"cost": 10**10},
    {"ip": "10.0.0.256"},
    {"ip": "localhost"},
    {"ip": ""},
    {"scopes": ""},
    {"scopes": "Read:projects"},
    {"scopes": ["read:projects", ""]},
    {"scopes": {"some": ["a"]}},
    {"scopes": {"any": []}},
    {"scopes": {"any": "a"}},
    {"scopes": {"any": ["a"], "all": ["b"]}},
    {"scopes": [1]},
    {"scopes": 7},
    {"scopes": "a" * 65},
]


@pytest.fixture
def limited(issue: Issue) -> Issued:
    """A key with everything that a check looks at, good when asked with `FINE`."""
    return issue(
        scopes=["read:projects"],
        allowed_ips=["10.0.0.0/8"],
        limits=[Limit("day", 1, 366 * 86_400)],
        expires_in=timedelta(days=5),
    )


FINE: dict[str, Any] = {"scopes": "read:projects", "ip": "10.0.0.1", "tenant": "default"}
BAD_ASK: dict[str, dict[str, Any]] = {
    "not_found": {"tenant": "system"},
    "ip_not_allowed": {"ip": "11.0.0.1"},
    "insufficient_scope": {"scopes": "write:projects"},
}


def spoil(tk: Any, clock: FakeClock, issued: Issued, codes: list[str]) -> dict[str, Any]:
    """Make checks fail, and return the ask that makes the rest of them fail."""
    key_id = issued.key.id
    deeds: dict[str, Callable[[], Any]] = {
        "rate_limited": lambda: tk.require(issued.secret, **FINE),
        "not_yet_valid": lambda: tk.keys.update(key_id, not_before=clock.now() + HOUR),
        "owner_disabled": lambda: tk.owners.disable("ada"),
        "disabled": lambda: tk.keys.disable(key_id),
        "revoked": lambda: tk.keys.revoke(key_id),
        "tenant_suspended": lambda: tk.tenants.suspend("default"),
    }
    for code, deed in deeds.items():
        if code in codes:
            deed()
    if "expired" in codes and "not_yet_valid" not in codes:
        clock.advance(timedelta(days=5))
    ask = dict(FINE)
    for code in codes:
        ask |= BAD_ASK.get(code, {})
    return ask


@pytest.mark.parametrize("code", ORDER)
def test_each_check_has_its_code(tk: Any, clock: FakeClock, limited: Issued, code: str) -> None:
    ask = spoil(tk, clock, limited, [code])
    verdict = tk.verify(limited.secret, **ask)
    assert (bool(verdict), verdict.code) == (False, code)


@pytest.mark.parametrize("code", ORDER)
def test_the_first_failure_wins_over_all_later_ones(tk: Any, clock: FakeClock, limited: Issued, code: str) -> None:
    ask = spoil(tk, clock, limited, ORDER[ORDER.index(code) :])
    assert tk.verify(limited.secret, **ask).code == code


@pytest.mark.parametrize("code", ORDER)
def test_a_change_counts_for_a_remembered_key(tk: Any, clock: FakeClock, limited: Issued, code: str) -> None:
    tk.keys.update(limited.key.id, limits=[Limit("day", 3, 366 * 86_400)])
    assert tk.verify(limited.secret, **FINE)
    assert tk.verify(limited.secret, **FINE)
    ask = spoil(tk, clock, limited, [code])
    assert tk.verify(limited.secret, **ask).code == code


def test_explain_marks_every_failure_and_takes_nothing(tk: Any, clock: FakeClock, limited: Issued) -> None:
    failing = [code for code in ORDER if code != "not_yet_valid"]
    ask = spoil(tk, clock, limited, failing)
    explanation = tk.explain(limited.secret, **ask)
    assert not explanation
    assert explanation.code == "not_found"
    assert [check.code for check in explanation.checks] == list(CODES)
    assert [check.code for check in explanation.checks if check.passed is False] == failing
    assert all(code in str(explanation) for code in CODES)


def test_explain_of_a_good_key_takes_nothing_of_its_limits(tk: Any, limited: Issued) -> None:
    for _ in range(3):
        assert tk.explain(limited.secret, **FINE).code == "valid"
    assert tk.verify(limited.secret, **FINE)
    assert tk.explain(limited.secret, **FINE).code == "rate_limited"


def test_explain_of_an_unknown_key_says_what_was_not_checked(tk: Any) -> None:
    explanation = tk.explain("nothing of ours")
    assert explanation.code == "malformed"
    assert {check.passed for check in explanation.checks[1:]} == {None}


def test_a_valid_verdict_says_who_it_is(tk: Any, issue: Issue) -> None:
    tk.owners.put("ada", name="Ada", email="ada@example.com")
    issued = issue("CI", scopes=["read:projects"], metadata={"team": 1}, description="runs")
    for _ in ("looked up", "remembered"):
        verdict = tk.verify(issued.secret)
        assert verdict
        assert isinstance(verdict, KeyValid)
        assert (verdict.code, verdict.kind, verdict.online) == ("valid", "key", True)
        assert not hasattr(verdict, "session")
        assert not hasattr(verdict, "claims")
        assert verdict.key == issued.key
        assert (verdict.owner.external_id, verdict.owner.email) == ("ada", "ada@example.com")
        assert verdict.owner == tk.owners.get("ada")
        assert verdict.tenant == tk.tenants.get("default")
        assert verdict.scopes == ("read:projects",)
        assert isinstance(verdict, Valid)


def test_a_refusal_is_a_falsy_value_with_a_code(tk: Any) -> None:
    verdict = tk.verify("nothing of ours")
    assert isinstance(verdict, Refused)
    assert (bool(verdict), verdict.code, verdict.retry_after, verdict.limits) == (False, "malformed", None, ())


def test_require_returns_the_valid_verdict_or_raises_denied(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.require(issued.secret).key.id == issued.key.id
    with pytest.raises(Denied) as denied:
        tk.require(issued.secret, scopes="read:projects")
    assert denied.value.verdict.code == denied.value.details["code"] == "insufficient_scope"


def test_a_key_is_good_from_not_before_on(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(not_before=clock.now() + HOUR)
    clock.advance(HOUR - timedelta(microseconds=1))
    assert tk.verify(issued.secret).code == "not_yet_valid"
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(issued.secret)


@pytest.mark.parametrize("warm", [False, True])
def test_at_expires_at_a_key_is_already_expired(tk: Any, clock: FakeClock, issue: Issue, warm: bool) -> None:
    issued = issue(expires_in=HOUR)
    if warm:
        assert tk.verify(issued.secret)
    clock.set(issued.key.expires_at - timedelta(microseconds=1))
    assert tk.verify(issued.secret)
    clock.set(issued.key.expires_at)
    assert tk.verify(issued.secret).code == "expired"


def test_the_tenant_and_the_environment_asked_for_must_be_the_keys(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue(environment="test")
    for _ in ("looked up", "remembered"):
        assert tk.verify(issued.secret).tenant.slug == "default"
        assert tk.verify(issued.secret, tenant="default", environment="test")
        assert tk.verify(issued.secret, tenant=acme).code == "not_found"
        assert tk.verify(issued.secret, environment="live").code == "not_found"
        assert tk.verify(issued.secret, tenant="no-such-tenant").code == "not_found"


def test_an_operators_key_never_passes_an_ordinary_verification(tk: Any) -> None:
    tk.owners.put("root", tenant="system", admin=True)
    issued = tk.keys.issue("root", name="op", tenant="system", environment="op", scopes=["tokenry:keys:read"])
    assert str(issued.secret).startswith("tk_op_")
    for _ in ("looked up", "remembered"):
        assert tk.verify(issued.secret).code == "not_found"
        assert tk.verify(issued.secret, scopes="tokenry:keys:read").code == "not_found"
        assert tk.verify(issued.secret, environment="live").code == "not_found"
        assert tk.verify(issued.secret, environment="op")


def test_a_key_made_after_a_miss_works_at_once(tk: Any, issue: Issue) -> None:
    issued = issue()
    gone = str(issued.secret)
    tk.keys.delete(issued.key.id)
    assert tk.verify(gone).code == "not_found"
    assert tk.verify(issue().secret)


def test_a_deleted_key_is_unknown_though_it_was_remembered(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    tk.keys.delete(issued.key.id)
    assert tk.verify(issued.secret).code == "not_found"
    with pytest.raises(NotFound):
        tk.keys.get(issued.key.id)


def test_a_suspended_tenant_that_is_resumed_is_as_before(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.tenants.suspend("default")
    assert tk.verify(issued.secret).code == "tenant_suspended"
    tk.tenants.resume("default")
    assert tk.verify(issued.secret)


def test_an_owner_that_is_disabled_and_enabled_is_as_before(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.owners.disable("ada")
    assert tk.verify(issued.secret).code == "owner_disabled"
    tk.owners.enable("ada")
    assert tk.verify(issued.secret)


def test_a_malformed_ask_is_invalid_whatever_is_presented(tk: Any, issue: Issue) -> None:
    issued = issue()
    for ask in BAD_ASKS:
        for presented in (issued.secret, "nothing of ours"):
            with pytest.raises(Invalid):
                tk.verify(presented, **ask)
            with pytest.raises(Invalid):
                tk.explain(presented, **ask)


@pytest.mark.lasting
def test_an_instance_that_remembers_nothing_answers_alike(installation: Installation, ada: Owner) -> None:
    tk = installation.open(settings=replace(QUIET, memory_entries=0))
    issued = tk.keys.issue("ada", name="k")
    assert tk.verify(issued.secret)
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"


@pytest.mark.lasting
def test_a_change_through_one_instance_counts_in_another(installation: Installation, tk: Any, issue: Issue) -> None:
    other = installation.open()
    issued = issue()
    assert other.verify(issued.secret)
    assert other.verify(issued.secret)
    tk.keys.revoke(issued.key.id)
    assert other.verify(issued.secret).code == "revoked"


def test_times_in_verdicts_are_utc(tk: Any, issue: Issue) -> None:
    created_at: datetime = tk.verify(issue().secret).key.created_at
    assert created_at.utcoffset() == timedelta(0)
