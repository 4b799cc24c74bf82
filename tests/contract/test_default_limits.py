"""Limits of tenants and owners for keys that name none of their own: they are found at verification, not copied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Invalid, Limit
from tokenry.types import NotAllowed

HOUR = 3600
TENANTS, OWNERS, OWN = Limit("t", 5, HOUR), Limit("o", 3, HOUR), Limit("k", 2, HOUR)


def limits(tk: Any, secret: Any) -> list[tuple[str, int]]:
    """Return the limits that count for a key, asked without taking."""
    return [(state.name, state.limit) for state in tk.verify(secret, cost=0).limits]


def test_a_key_without_limits_has_those_of_its_owner_else_those_of_its_tenant(tk: Any, issue: Issue) -> None:
    bare, own = issue("bare"), issue("own", limits=[OWN])
    assert limits(tk, bare.secret) == []
    tk.tenants.update("default", default_limits=[TENANTS])
    assert limits(tk, bare.secret) == [("t", 5)]
    tk.owners.put("ada", default_limits=[OWNERS])
    assert limits(tk, bare.secret) == [("o", 3)]
    assert limits(tk, own.secret) == [("k", 2)]
    for given in ([OWN], []):
        tk.keys.update(bare.key.id, limits=given)
        assert limits(tk, bare.secret) == [("k", 2) if given else ("o", 3)]
    tk.owners.put("ada", default_limits=[])
    assert limits(tk, bare.secret) == [("t", 5)]
    tk.tenants.update("default", default_limits=[])
    assert limits(tk, bare.secret) == []


def test_the_records_show_what_was_given_and_nothing_else(tk: Any, issue: Issue) -> None:
    issued = issue()
    tenant = tk.tenants.update("default", default_limits=[TENANTS])
    owner = tk.owners.put("ada", default_limits=[OWNERS])
    assert tenant.default_limits == tk.tenants.get("default").default_limits == (TENANTS,)
    assert owner.default_limits == tk.owners.get("ada").default_limits == (OWNERS,)
    assert tk.owners.put("ada", name="Ada").default_limits == (OWNERS,)
    verdict = tk.verify(issued.secret)
    assert (verdict.key.limits, tk.keys.get(issued.key.id).limits) == ((), ())
    assert (verdict.owner.default_limits, verdict.tenant.default_limits) == ((OWNERS,), (TENANTS,))
    assert tk.tenants.create("acme", default_limits=[TENANTS]).default_limits == (TENANTS,)


def test_defaults_count_for_each_key_by_itself(tk: Any, issue: Issue) -> None:
    tk.owners.put("ada", default_limits=[OWNERS])
    one, other = issue("one"), issue("other")
    assert [bool(tk.verify(one.secret)) for _ in range(4)] == [True, True, True, False]
    assert tk.verify(other.secret)
    assert [state.remaining for state in tk.keys.limits(one.key.id)] == [0]
    assert [state.remaining for state in tk.keys.limits(other.key.id)] == [2]
    assert tk.keys.explain(one.key.id).code == tk.explain(one.secret).code == "rate_limited"
    assert tk.verify(one.secret).code == "rate_limited"
    assert tk.verify(tk.exchange(other.secret).access)
    assert tk.verify(other.secret).code == "rate_limited"


def test_a_changed_default_counts_at_once_and_what_was_taken_stays_taken(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    issued = issue()
    tk.tenants.update("default", default_limits=[TENANTS])
    assert [state.remaining for state in tk.verify(issued.secret).limits] == [4]
    tk.tenants.update("default", default_limits=[Limit("t", 2, HOUR)])
    assert [state.remaining for state in tk.verify(issued.secret).limits] == [0]
    assert tk.verify(issued.secret).code == "rate_limited"
    tk.tenants.update("default", default_limits=[Limit("t", 9, HOUR)])
    assert [state.remaining for state in tk.verify(issued.secret).limits] == [6]


def test_sessions_have_no_limits(tk: Any, issue: Issue) -> None:
    issue()
    tk.tenants.update("default", default_limits=[TENANTS])
    assert tk.verify(tk.sessions.start("ada").access).limits == ()


@pytest.mark.rules
@pytest.mark.parametrize("bad", ["10/1h", [OWN, OWN], [Limit("a", 0, HOUR)], [1], [OWN] * 9, None])
def test_malformed_defaults_are_invalid(tk: Any, issue: Issue, bad: Any) -> None:
    issue()
    with pytest.raises(Invalid) as of_owner:
        tk.owners.put("ada", default_limits=bad)
    with pytest.raises(Invalid) as of_tenant:
        tk.tenants.update("default", default_limits=bad)
    assert {one.field.partition("[")[0] for one in (*of_owner.value.errors, *of_tenant.value.errors)} == {
        "default_limits"
    }
    assert tk.owners.get("ada").default_limits == tk.tenants.get("default").default_limits == ()


def test_an_owner_may_not_change_its_own_defaults(tk: Any, issue: Issue) -> None:
    issue()
    tk.owners.put("ada", default_limits=[OWNERS])
    with pytest.raises(NotAllowed):
        tk.owners.put("ada", default_limits=[], by="ada")
    assert tk.owners.get("ada").default_limits == (OWNERS,)
