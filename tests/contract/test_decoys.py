"""Decoys: nothing tells one from the secret of a deleted key, and its use is told of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid
from tokenry.types import Issued


@pytest.fixture
def decoy(issue: Issue) -> Issued:
    """A decoy of ada's."""
    return issue(decoy=True)


def used(tk: Any) -> list[Any]:
    tk.flush()
    return list(tk.events.list(types=["key.decoy_used"]))


def test_a_decoy_is_refused_as_the_secret_of_a_deleted_key_is(tk: Any, issue: Issue, decoy: Issued) -> None:
    gone = issue()
    tk.keys.delete(gone.key.id)
    asks: list[dict[str, Any]] = [{}, {"scopes": "read:a"}, {"ip": "203.0.113.1"}, {"tenant": "nowhere"}, {"cost": 0}]
    for ask in [*asks, {"environment": "op"}]:
        for _ in range(2):  # nothing is remembered of it
            assert tk.verify(decoy.secret, **ask) == tk.verify(gone.secret, **ask)
            assert tk.verify(decoy.secret, **ask).code == "not_found"
        assert tk.explain(decoy.secret, **ask) == tk.explain(gone.secret, **ask)
    assert tk.verify(decoy.secret, offline=True) == tk.verify(gone.secret, offline=True)
    assert tk.leaks.report(decoy.secret) == tk.leaks.report(gone.secret)
    assert tk.sessions.refresh(decoy.secret) == tk.sessions.refresh(gone.secret)
    for call in (tk.exchange, tk.require):
        with pytest.raises(Exception) as of_decoy:
            call(decoy.secret)
        with pytest.raises(Exception) as of_gone:
            call(gone.secret)
        assert (type(of_decoy.value), str(of_decoy.value)) == (type(of_gone.value), str(of_gone.value))


def test_the_use_of_a_decoy_is_told_once_an_hour_for_each_address(tk: Any, clock: Any, decoy: Issued) -> None:
    for ip in ("203.0.113.1", "203.0.113.1", None, "2001:db8::1", "2001:db8::2", "2001:db8:1::1"):
        tk.verify(decoy.secret, ip=ip)
    kid = decoy.key.secrets[0].kid
    reported = [(event.subject, event.data["kid"], event.data["ip"], event.data["count"]) for event in used(tk)]
    first = [("203.0.113.1", 2), (None, 1), ("2001:db8::1", 1), ("2001:db8:1::1", 1)]
    assert reported == [(decoy.key.id, kid, ip, count) for ip, count in first]
    for _ in range(2):
        tk.verify(decoy.secret, ip="203.0.113.1")
        assert len(used(tk)) == 4
    clock.advance(timedelta(hours=1))
    tk.verify(decoy.secret, ip="203.0.113.1")
    assert len(used(tk)) == 5
    assert used(tk)[-1].data["owner"] == "ada"


def test_a_flood_from_many_addresses_is_told_of_in_bounds(tk: Any, decoy: Issued) -> None:
    for part in range(12):
        for number in range(20):
            tk.verify(decoy.secret, ip=f"203.0.{part}.{number}")
        tk.flush()
    assert len(used(tk)) == 100


def test_a_report_of_a_decoy_is_told_of(tk: Any, decoy: Issued) -> None:
    tk.scoped(ip="203.0.113.1").leaks.report(decoy.secret)
    assert [event.data["ip"] for event in used(tk)] == ["203.0.113.1"]


def test_a_decoy_is_shown_as_one_and_lasts(tk: Any, issue: Issue, decoy: Issued) -> None:
    assert (decoy.key.decoy, decoy.key.expires_at) == (True, None)
    [event] = [event for event in tk.events.list() if event.type == "key.issued"]
    assert event.data["decoy"] is True
    assert tk.keys.get(decoy.key.id) == decoy.key
    assert tk.keys.find(decoy.secret) == tk.keys.find(kid=decoy.key.secrets[0].kid) == decoy.key
    assert tk.keys.list().items == (decoy.key,)
    assert tk.keys.explain(decoy.key.id).code == "not_found"
    assert issue().key.decoy is False
    assert tk.keys.issue("ada", name="short", decoy=True, expires_in=timedelta(hours=1)).key.expires_at is not None
    for wrong in (None, 1, "true"):
        with pytest.raises(Invalid, match="decoy"):
            issue(decoy=wrong)


def test_nothing_makes_a_decoy_work(tk: Any, decoy: Issued) -> None:
    with pytest.raises(Conflict, match="decoy"):
        tk.keys.rotate(decoy.key.id, grace=timedelta(hours=1))
    tk.keys.update(decoy.key.id, scopes=["read:a"], name="renamed")
    tk.keys.disable(decoy.key.id)
    tk.keys.enable(decoy.key.id)
    assert tk.verify(decoy.secret).code == "not_found"
    assert tk.keys.get(decoy.key.id).decoy is True


def test_a_decoy_that_is_off_or_gone_tells_nothing(tk: Any, issue: Issue, decoy: Issued) -> None:
    others = [issue(decoy=True) for _ in range(2)]
    tk.keys.disable(decoy.key.id)
    tk.keys.revoke(others[0].key.id)
    tk.keys.delete(others[1].key.id)
    for one in (decoy, *others):
        tk.verify(one.secret)
    assert used(tk) == []
    tk.keys.enable(decoy.key.id)
    tk.verify(decoy.secret)
    assert len(used(tk)) == 1


def test_a_repeated_call_gets_the_same_decoy(tk: Any) -> None:
    tk.owners.put("ada")
    made = [tk.keys.issue("ada", name="k", decoy=True, idempotency_key="once") for _ in range(2)]
    assert made[0] == made[1]
    [many] = tk.keys.issue_many([{"owner": "ada", "name": "other", "decoy": True}])
    for secret in (made[0].secret, many.secret):
        tk.verify(secret)
    assert len(used(tk)) == 2
