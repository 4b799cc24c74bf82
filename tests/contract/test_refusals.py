"""The last refusals of each key: bounded, without a credential, and gone with their key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.test_holds import upkeep
from tokenry import NotFound
from tokenry.core.refusals import checks_before
from tokenry.edge import name_refusal
from tokenry.testing import FakeClock
from tokenry.types import CODES, Issued

DAY = timedelta(days=1)


def refuse(tk: Any, issued: Issued, count: int = 1, **asked: Any) -> None:
    for _ in range(count):
        assert not tk.verify(issued.secret, **{"scopes": "write:b", **asked})
    tk.flush()


def test_a_refusal_says_what_was_asked_what_was_answered_and_from_where(
    tk: Any, clock: FakeClock, issue: Issue
) -> None:
    issued = issue(scopes=["read:a"])
    refuse(tk, issued, scopes=["write:b", "read:a"], ip="203.0.113.7")
    [found] = tk.refusals.list(key_id=issued.key.id)
    assert (found.key, found.owner, found.code) == (issued.key.id, "ada", "insufficient_scope")
    assert (found.at, found.ip, found.scopes) == (clock.now(), "203.0.113.7", ("write:b", "read:a"))
    assert (found.request_id, found.checks) == (None, ())
    assert str(issued.secret)[-57:-14] not in repr(found)


def test_each_key_keeps_its_last_twenty(tk: Any, clock: FakeClock, issue: Issue) -> None:
    noisy, quiet = issue(), issue()
    refuse(tk, quiet)
    for number in range(8):
        clock.advance(timedelta(seconds=1))
        refuse(tk, noisy, 9, ip=f"203.0.113.{number}")
    found = tk.refusals.list(key_id=noisy.key.id, limit=100).items
    assert len(found) == 20
    assert [one.ip for one in found] == [f"203.0.113.{7 - number // 4}" for number in range(20)]
    assert len(tk.refusals.list(key_id=quiet.key.id)) == 1
    assert [one.id for one in tk.refusals.iterate(limit=3)] == [one.id for one in tk.refusals.list(limit=100)]
    assert len(tk.refusals.list(limit=100)) == 21


def test_a_flood_of_refusals_is_bounded_between_two_flushes(tk: Any, issue: Issue) -> None:
    made = [issue() for _ in range(60)]
    for issued in made:
        for _ in range(5):
            assert not tk.verify(issued.secret, scopes="no")
    tk.flush()
    assert len([*tk.refusals.iterate(limit=100)]) == 200


@pytest.mark.rules
def test_refusals_end_with_their_key_and_after_a_week(tk: Any, clock: FakeClock, issue: Issue) -> None:
    gone, old = issue(expires_in=None), issue(expires_in=None)
    refuse(tk, gone)
    refuse(tk, old)
    tk.keys.delete(gone.key.id)
    assert [one.key for one in tk.refusals.list()] == [old.key.id]
    clock.advance(8 * DAY)
    refuse(tk, old)
    upkeep(tk)
    assert [one.at for one in tk.refusals.list()] == [clock.now()]


def test_refusals_are_seen_by_those_who_see_the_key(tk: Any, issue: Issue, acme: str) -> None:
    tk.owners.put("bob")
    issued = issue()
    refuse(tk, issued)
    name_refusal(tk.verify(issued.secret, scopes="no"), "req-1")
    tk.flush()
    found = tk.refusals.get("req-1")
    assert (found.key, found.request_id, found.checks) == (issued.key.id, "req-1", checks_before(found.code))
    assert (len(tk.refusals.list(by="ada")), tk.refusals.get("req-1", by="ada").id) == (2, found.id)
    assert (tk.refusals.list(by="bob").items, tk.refusals.list(tenant=acme).items) == ((), ())
    for by in ({"by": "bob"}, {"tenant": acme}):
        with pytest.raises(NotFound):
            tk.refusals.get("req-1", **by)
        with pytest.raises(NotFound):
            tk.refusals.list(key_id=issued.key.id, **by)
    with pytest.raises(NotFound, match="the last 20"):
        tk.refusals.get("req-2")


@pytest.mark.rules
@pytest.mark.parametrize("code", CODES)
def test_the_checks_before_the_one_that_failed_have_passed(tk: Any, code: str) -> None:
    checks = checks_before(code)
    assert [one.code for one in checks] == list(CODES)
    failed = [number for number, one in enumerate(checks) if one.passed is False]
    assert [checks[number].code for number in failed] == [code]
    assert all(
        one.passed is (True if number < failed[0] else None)
        for number, one in enumerate(checks)
        if one.passed is not False
    )
