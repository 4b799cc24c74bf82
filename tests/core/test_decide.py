"""The decision, check by check: what fails it, what just does not, and the order in which failures are told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.test_token import grant
from tokenry.core.addresses import compiled, read
from tokenry.core.decide import OPERATOR_ENVIRONMENT, Ask, failure, failures, read_ask
from tokenry.core.errors import Invalid
from tokenry.core.scopes import require

NOW = 1000
LISTED = compiled(("10.0.0.0/8",))

# What the grant has and what is asked, and the codes that fail.
CHECKS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    ({}, {"tenant": "acme"}, []),
    ({}, {"tenant": "other"}, ["not_found"]),
    ({"environment": "live"}, {}, []),
    ({"environment": "live"}, {"environment": "live"}, []),
    ({"environment": "live"}, {"environment": "test"}, ["not_found"]),
    ({"environment": "live"}, {"environment": OPERATOR_ENVIRONMENT}, ["not_found"]),
    ({"environment": OPERATOR_ENVIRONMENT}, {}, ["not_found"]),
    ({"environment": OPERATOR_ENVIRONMENT}, {"environment": "live"}, ["not_found"]),
    ({"environment": OPERATOR_ENVIRONMENT}, {"environment": OPERATOR_ENVIRONMENT}, []),
    ({"environment": OPERATOR_ENVIRONMENT}, {"environment": OPERATOR_ENVIRONMENT, "tenant": "x"}, ["not_found"]),
    ({"suspended": True}, {}, ["tenant_suspended"]),
    ({"revoked": True}, {}, ["revoked"]),
    ({"revoked": True, "ends_at": NOW + 1}, {}, ["revoked"]),
    ({"ends_at": NOW + 1}, {}, []),
    ({"ends_at": NOW}, {}, ["revoked"]),
    ({"disabled": True}, {}, ["disabled"]),
    ({"not_before": NOW}, {}, []),
    ({"not_before": NOW + 1}, {}, ["not_yet_valid"]),
    ({"expires_at": NOW + 1}, {}, []),
    ({"expires_at": NOW}, {}, ["expired"]),
    ({"owner_disabled": True}, {}, ["owner_disabled"]),
    ({"addresses": LISTED}, {"address": read("10.1.2.3")}, []),
    ({"addresses": LISTED}, {"address": read("11.1.2.3")}, ["ip_not_allowed"]),
    ({"addresses": LISTED}, {}, ["ip_not_allowed"]),
    ({}, {"address": read("11.1.2.3")}, []),
    ({}, {"requirement": require("read:x")}, []),
    ({}, {"requirement": require("admin:x")}, ["insufficient_scope"]),
]


@pytest.mark.parametrize(("has", "asked", "codes"), CHECKS)
def test_a_check_fails_for_its_own_reason_alone(has: dict[str, Any], asked: dict[str, Any], codes: list[str]) -> None:
    assert failures(grant(**has), Ask(**asked), NOW) == codes
    ask = Ask(**asked)
    assert failure(grant(**has), ask, ask.address, NOW) == (codes[0] if codes else None)


def test_every_failure_is_told_in_the_order_of_the_checks() -> None:
    has = {"suspended": True, "revoked": True, "disabled": True, "not_before": NOW + 1, "expires_at": NOW}
    broken = grant(**has, owner_disabled=True, addresses=LISTED)
    assert failures(broken, Ask(tenant="other", requirement=require("admin:x")), NOW) == [
        *("not_found", "tenant_suspended", "revoked", "disabled", "not_yet_valid", "expired", "owner_disabled"),
        *("ip_not_allowed", "insufficient_scope"),
    ]


def test_the_same_question_is_read_once() -> None:
    about = (1, None, None, None)
    assert read_ask(["read:x"], None, *about) is read_ask(["read:x"], None, *about)
    one, other = read_ask(["read:x"], "10.1.2.3", *about), read_ask(["read:x"], "10.1.2.4", *about)
    assert one.requirement is other.requirement
    assert (one.ip, other.ip) == ("10.1.2.3", "10.1.2.4")


def test_a_question_that_equals_a_remembered_one_is_refused_if_it_is_none() -> None:
    read_ask(["read:x"], None, 1, None, None, None)
    for cost in (True, 1.0):
        with pytest.raises(Invalid):
            read_ask(["read:x"], None, cost, None, None, None)


@pytest.mark.parametrize("name", ["tenant", "environment", "audience"])
def test_a_text_as_long_as_a_credential_is_not_remembered(name: str) -> None:
    asked: dict[str, Any] = {"tenant": None, "environment": None, "audience": None} | {name: "k" * 75}
    assert read_ask(None, None, 1, **asked) is not read_ask(None, None, 1, **asked)


def test_nothing_is_remembered_for_callers_whom_nobody_knows() -> None:
    about = (["read:unknown"], None, 1, None, None, None)
    assert read_ask(*about, keep=False) is not read_ask(*about, keep=False)
