"""Advice about keys: by how they were used, and never beyond what is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Limit
from tokenry.types import Issued

DAY = timedelta(days=1)
LIMIT = [Limit("hour", 5, 3600)]
LONG = {"expires_in": timedelta(days=900), "limits": LIMIT}


def codes(tk: Any, issued: Issued) -> list[str]:
    tk.flush()
    return [finding.code for finding in tk.keys.advice(issued.key.id).findings]


def asked(tk: Any, issued: Issued) -> dict[str, Any]:
    tk.flush()
    return {one.scope: one.last_asked_at for one in tk.keys.advice(issued.key.id).scopes}


def test_a_key_says_which_of_its_scopes_were_asked_for(tk: Any, clock: Any, issue: Issue) -> None:
    issued = issue(scopes=["read:*", "write:a", "write:b", "delete:a"], **LONG)
    assert asked(tk, issued) == dict.fromkeys(issued.key.scopes)
    first = clock.now()
    for question in ("read:x", ["read:y", "write:a"], {"any": ["write:a", {"all": ["read:z"]}]}):
        assert tk.verify(issued.secret, scopes=question, cost=0)
    assert not tk.verify(issued.secret, scopes="other:a")
    assert asked(tk, issued) == {"read:*": first, "write:a": first, "write:b": None, "delete:a": None}
    clock.advance(DAY)
    assert tk.verify(tk.exchange(issued.secret).access, scopes="write:b", cost=0)
    known = asked(tk, issued)
    assert (known["write:b"], known["write:a"]) == (first + DAY, first)
    assert tk.verify(issued.secret, scopes="write:a", cost=0)
    assert asked(tk, issued)["write:a"] == first + DAY


def test_scopes_are_unused_when_others_were_asked_for_long_enough(tk: Any, clock: Any, issue: Issue) -> None:
    issued, unscoped = (issue(scopes=["read:a", "read:b"], **LONG) for _ in range(2))
    for _ in range(3):
        tk.verify(issued.secret, scopes="read:a", cost=0)
        tk.verify(unscoped.secret, scopes="read:a", cost=0)
        assert codes(tk, issued) == []
        clock.advance(10 * DAY)
    tk.verify(issued.secret, scopes="read:a", cost=0)
    assert codes(tk, issued) == ["unused_scopes"]
    assert tk.keys.advice(issued.key.id).findings[0].values == ("read:b",)
    tk.verify(unscoped.secret, cost=0)
    assert codes(tk, unscoped) == []
    assert tk.keys.advice(unscoped.key.id).unscoped_at == clock.now()
    tk.verify(issued.secret, scopes="read:b", cost=0)
    assert codes(tk, issued) == []
    clock.advance(91 * DAY)
    tk.verify(issued.secret, scopes="read:b", cost=0)
    tk.flush()
    assert asked(tk, issued) == {"read:a": None, "read:b": clock.now()}
    assert codes(tk, issued) == ["unused_scopes"]


def test_a_key_that_nobody_uses_is_named(tk: Any, clock: Any, issue: Issue) -> None:
    never, once = issue(**LONG), issue(**LONG)
    tk.verify(once.secret)
    assert codes(tk, never) == codes(tk, once) == []
    clock.advance(8 * DAY)
    assert (codes(tk, never), codes(tk, once)) == (["never_used"], [])
    clock.advance(90 * DAY)
    assert codes(tk, once) == ["unused"]
    tk.verify(once.secret)
    assert codes(tk, once) == []


def test_a_key_without_end_limit_or_bounds_is_named(tk: Any, issue: Issue) -> None:
    tk.tenants.update("default", never_allowed=True)
    issued = issue(expires_in=None, allowed_ips=["10.0.0.0/8", "192.0.2.0/24", "2000::/20", "203.0.0.0/16"])
    assert codes(tk, issued) == ["no_expiry", "no_limit", "wide_addresses"]
    advice = tk.keys.advice(issued.key.id)
    assert advice
    assert advice.findings[-1].values == ("10.0.0.0/8", "2000::/20")
    assert (advice.key, advice.owner, advice.name) == (issued.key.id, "ada", issued.key.name)
    tk.owners.put("ada", shared_limits=LIMIT)
    assert "no_limit" not in codes(tk, issued)
    tk.owners.put("ada", shared_limits=[])
    tk.tenants.update("default", default_limits=LIMIT)
    assert "no_limit" not in codes(tk, issued)


def test_keys_with_findings_are_listed_in_pages(tk: Any, issue: Issue) -> None:
    poor = [issue() for _ in range(3)]
    good, ended, decoy = issue(limits=LIMIT), issue(), issue(decoy=True)
    tk.keys.revoke(ended.key.id)
    assert [one.key for one in tk.advice.list()] == [one.key.id for one in reversed(poor)]
    assert [one.key for one in tk.advice.iterate(limit=1)] == [one.key.id for one in reversed(poor)]
    page = tk.advice.list(limit=2)
    assert (len(page), page.next_cursor is None) == (0, False)
    assert not tk.keys.advice(good.key.id)
    assert not tk.keys.advice(decoy.key.id)
    assert not tk.keys.advice(ended.key.id)
    tk.owners.put("bob")
    assert list(tk.advice.list(by="bob")) == []
    assert len(tk.advice.list(by="ada")) == 3


def test_what_was_asked_of_a_deleted_key_is_gone(tk: Any, issue: Issue) -> None:
    issued = issue(scopes=["read:a"], **LONG)
    tk.verify(issued.secret, scopes="read:a")
    tk.flush()
    tk.keys.delete(issued.key.id)
    with pytest.raises(Exception, match="does not exist"):
        tk.keys.advice(issued.key.id)
