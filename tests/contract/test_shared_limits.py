"""Limits that all keys of an owner or a tenant share: one verification takes from all limits, or from none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Invalid, Limit
from tokenry.types import NotAllowed

HOUR = 3600


def stands(limits: Any) -> list[tuple[str, str, int]]:
    """Return of each limit what it is counted for, its name and what remains."""
    return [(one.of, one.name, one.remaining) for one in limits]


def left(tk: Any, secret: Any) -> list[tuple[str, str, int]]:
    return stands(tk.verify(secret, cost=0).limits)


def test_all_keys_of_an_owner_use_up_its_shared_limits_together(tk: Any, issue: Issue) -> None:
    one, other = issue("one"), issue("other")
    tk.owners.put("bob")
    foreign = tk.keys.issue("bob", name="foreign")
    tk.owners.put("ada", shared_limits=[Limit("hour", 3, HOUR)])
    assert [bool(tk.verify(issued.secret)) for issued in (one, other, one, other)] == [True, True, True, False]
    refused = tk.verify(one.secret)
    assert (refused.code, stands(refused.limits)) == ("rate_limited", [("owner", "hour", 0)])
    assert (refused.limited_by.of, refused.limited_by.name) == ("owner", "hour")
    assert tk.verify(foreign.secret).limits == ()


def test_all_keys_of_a_tenant_use_up_its_shared_limits_together(tk: Any, issue: Issue) -> None:
    one = issue("one")
    tk.owners.put("bob")
    other = tk.keys.issue("bob", name="other")
    tk.tenants.create("acme")
    tk.owners.put("eve", tenant="acme")
    foreign = tk.keys.issue("eve", name="foreign", tenant="acme")
    tk.tenants.update("default", shared_limits=[Limit("hour", 2, HOUR)])
    assert [bool(tk.verify(issued.secret)) for issued in (one, other, one, other)] == [True, True, False, False]
    assert tk.verify(other.secret).limited_by.of == "tenant"
    assert tk.verify(foreign.secret).limits == ()


@pytest.mark.parametrize("short", ["key", "owner", "tenant"])
def test_a_verification_takes_from_all_limits_or_from_none(tk: Any, issue: Issue, short: str) -> None:
    sizes = {of: 1 if of == short else 5 for of in ("key", "owner", "tenant")}
    issued = issue(limits=[Limit("same", sizes["key"], HOUR)])
    tk.owners.put("ada", shared_limits=[Limit("same", sizes["owner"], HOUR)])
    tk.tenants.update("default", shared_limits=[Limit("same", sizes["tenant"], HOUR)])
    assert tk.verify(issued.secret)
    after = [(of, "same", size - 1) for of, size in sizes.items()]
    for _ in range(3):
        refused = tk.verify(issued.secret)
        assert (refused.code, refused.limited_by.of, stands(refused.limits)) == ("rate_limited", short, after)
    assert left(tk, issued.secret) == after
    assert stands(tk.keys.limits(issued.key.id)) == after
    assert tk.keys.explain(issued.key.id).code == tk.explain(issued.secret).code == "rate_limited"


def test_of_several_limits_that_refuse_the_one_is_named_that_refuses_longest(tk: Any, issue: Issue) -> None:
    issued = issue(limits=[Limit("a", 1, 60)])
    tk.owners.put("ada", shared_limits=[Limit("b", 1, 86_400), Limit("c", 9, 60)])
    assert tk.verify(issued.secret)
    refused = tk.verify(issued.secret)
    assert (refused.limited_by.name, refused.retry_after > 3600) == ("b", True)
    too_dear = tk.verify(issued.secret, cost=10)
    assert (too_dear.limited_by.name, too_dear.retry_after) == ("b", None)


def test_shared_limits_count_beside_the_limits_of_the_key_and_the_defaults(tk: Any, issue: Issue) -> None:
    bare, own = issue("bare"), issue("own", limits=[Limit("k", 7, HOUR)])
    tk.tenants.update("default", default_limits=[Limit("d", 4, HOUR)], shared_limits=[Limit("t", 9, HOUR)])
    tk.owners.put("ada", shared_limits=[Limit("o", 8, HOUR)])
    assert left(tk, bare.secret) == [("key", "d", 4), ("owner", "o", 8), ("tenant", "t", 9)]
    assert tk.verify(own.secret, cost=2)
    assert left(tk, own.secret) == [("key", "k", 5), ("owner", "o", 6), ("tenant", "t", 7)]
    assert left(tk, bare.secret) == [("key", "d", 4), ("owner", "o", 6), ("tenant", "t", 7)]
    token = tk.exchange(bare.secret).access
    assert tk.verify(token)
    assert left(tk, bare.secret) == left(tk, token) == [("key", "d", 2), ("owner", "o", 4), ("tenant", "t", 5)]
    assert tk.verify(tk.sessions.start("ada").access).limits == ()


def test_the_records_show_shared_limits(tk: Any, issue: Issue) -> None:
    issued, limits = issue(), (Limit("hour", 3, HOUR),)
    assert tk.tenants.update("default", shared_limits=limits).shared_limits == limits
    assert tk.owners.put("ada", shared_limits=limits).shared_limits == tk.owners.get("ada").shared_limits == limits
    verdict = tk.verify(issued.secret)
    assert verdict.owner.shared_limits == verdict.tenant.shared_limits == limits
    assert (verdict.key.limits, verdict.owner.default_limits) == ((), ())
    assert tk.tenants.create("acme", shared_limits=limits).shared_limits == tk.tenants.get("acme").shared_limits


def test_changed_shared_limits_count_at_once_and_what_was_taken_stays_taken(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.owners.put("ada", shared_limits=[Limit("hour", 500, HOUR)])
    assert tk.verify(issued.secret, cost=3)
    for limit, remains in ((5, 2), (3, 0), (9, 5), (500, 495)):
        tk.owners.put("ada", shared_limits=[Limit("hour", limit, HOUR)])
        assert left(tk, issued.secret) == [("owner", "hour", remains)]
        tk.verify(issued.secret)
    tk.owners.put("ada", shared_limits=[])
    assert tk.verify(issued.secret).limits == ()


@pytest.mark.lasting
@pytest.mark.parametrize("whose", ["owner", "tenant"])
def test_shared_limits_that_were_raised_and_lowered_again_never_spend_an_old_share(
    installation: Installation, tk: Any, issue: Issue, whose: str
) -> None:
    issued, other = issue(), installation.open()

    def change(where: Any, limit: int) -> None:
        given = {"shared_limits": [Limit("hour", limit, HOUR)]}
        if whose == "owner":
            where.owners.put("ada", **given)
        else:
            where.tenants.update("default", **given)

    change(tk, 800)
    assert tk.verify(issued.secret)  # and holds a share
    change(other, 2000)
    assert other.verify(issued.secret, cost=1500)
    change(other, 800)
    assert not tk.verify(issued.secret)
    assert not other.verify(issued.secret)


@pytest.mark.lasting
def test_default_limits_that_were_raised_and_lowered_again_never_spend_an_old_share(
    installation: Installation, tk: Any, issue: Issue
) -> None:
    issued, other = issue(), installation.open()
    tk.owners.put("ada", default_limits=[Limit("hour", 800, HOUR)])
    assert tk.verify(issued.secret)
    other.owners.put("ada", default_limits=[Limit("hour", 2000, HOUR)])
    assert other.verify(issued.secret, cost=1500)
    other.owners.put("ada", default_limits=[Limit("hour", 800, HOUR)])
    assert not tk.verify(issued.secret)


@pytest.mark.lasting
def test_a_restart_resets_no_shared_limit(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.owners.put("ada", shared_limits=[Limit("hour", 3, HOUR)])
    tk.tenants.update("default", shared_limits=[Limit("hour", 4, HOUR)])
    assert tk.verify(issued.secret, cost=2)
    tk = installation.reopen(tk)
    assert left(tk, issued.secret) == [("owner", "hour", 1), ("tenant", "hour", 2)]


@pytest.mark.rules
@pytest.mark.parametrize("bad", ["10/1h", [Limit("a", 1, 1)] * 2, [Limit("a", 0, 60)], [1], None])
def test_malformed_shared_limits_are_invalid(tk: Any, issue: Issue, bad: Any) -> None:
    issue()
    with pytest.raises(Invalid) as of_owner:
        tk.owners.put("ada", shared_limits=bad)
    with pytest.raises(Invalid) as of_tenant:
        tk.tenants.update("default", shared_limits=bad)
    named = {one.field.partition("[")[0] for one in (*of_owner.value.errors, *of_tenant.value.errors)}
    assert named == {"shared_limits"}
    assert tk.owners.get("ada").shared_limits == tk.tenants.get("default").shared_limits == ()


def test_an_owner_may_not_change_its_own_shared_limits(tk: Any, issue: Issue) -> None:
    issue()
    tk.owners.put("ada", shared_limits=[Limit("hour", 3, HOUR)])
    with pytest.raises(NotAllowed):
        tk.owners.put("ada", shared_limits=[], by="ada")
    assert tk.owners.get("ada").shared_limits
