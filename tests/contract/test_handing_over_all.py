"""All keys of an owner are handed over in batches, by the rules of handing over one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.test_batches import interrupted
from tests.contract.test_handing_over import sound
from tests.contract.test_races import after_listing
from tests.contract.test_races import instance as apart
from tokenry import Conflict, Invalid, NotAllowed, NotFound
from tokenry.service import ending
from tokenry.store.keys import KeyRows


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make batches of two."""
    monkeypatch.setattr(ending, "BATCH", 2)


@pytest.fixture
def bob(tk: Any) -> Any:
    """Another owner."""
    return tk.owners.put("bob")


def owners(tk: Any, *issued: Any) -> list[str]:
    """Return the owners of keys, which verifications and rows must agree about."""
    for one in issued:
        verdict = tk.verify(one.secret, environment=one.key.environment)
        assert verdict.key.owner == verdict.owner.external_id == tk.keys.get(one.key.id).owner
    return [tk.keys.get(one.key.id).owner for one in issued]


def test_every_living_key_goes_and_secrets_work_as_before(tk: Any, issue: Issue, bob: Any) -> None:
    issued = [issue() for _ in range(5)]
    assert owners(tk, *issued) == ["ada"] * 5
    off, ended = issue().key.id, issue().key.id
    tk.keys.disable(off)
    tk.keys.revoke(ended)
    done = tk.owners.hand_over("ada", "bob", dry_run=False)
    assert (done.owner, done.to, done.dry_run) == ("ada", "bob", False)
    assert (done.handed_count, done.skipped_count, done.skipped) == (6, 0, ())
    assert owners(tk, *issued) == ["bob"] * 5
    assert [tk.keys.get(id).owner for id in (off, ended)] == ["bob", "ada"]
    events = tk.events.list(types=["key.handed_over"])
    assert [event.data for event in events] == [{"owner": "bob", "previous_owner": "ada"}] * 6
    assert {entry.subject for entry in tk.audit.list(action="key.handed_over")} == {
        *(one.key.id for one in issued),
        off,
    }
    assert tk.audit.check()


def test_a_dry_run_is_the_default_and_tells_the_same(tk: Any, issue: Issue, bob: Any) -> None:
    issued = [issue(f"k{number}") for number in range(5)]
    tk.keys.issue("bob", name="K3")
    count = len(tk.audit.list(limit=100))
    trial = tk.owners.hand_over("ada", "bob")
    assert (trial.dry_run, trial.handed_count, trial.skipped_count) == (True, 4, 1)
    assert owners(tk, *issued) == ["ada"] * 5
    assert len(tk.audit.list(limit=100)) == count
    done = tk.owners.hand_over("ada", "bob", dry_run=False)
    assert (done.handed_count, done.skipped) == (trial.handed_count, trial.skipped)


def test_a_key_that_the_rules_refuse_stays_and_the_others_go(tk: Any, issue: Issue, bob: Any) -> None:
    clerk = issue("clerk", environment="op", scopes=["tokenry:keys:read", "tokenry:keys:write"])
    strong = issue("strong", environment="op", scopes=["tokenry:owners:write"])
    same, plain = issue("same"), issue("plain", scopes=["a"])
    tk.keys.issue("bob", name="same")
    by = tk.require(clerk.secret, environment="op")
    done = tk.owners.hand_over("ada", "bob", dry_run=False, by=by)
    assert (done.handed_count, done.skipped_count) == (2, 2)
    found = {one.key: (one.name, one.code) for one in done.skipped}
    assert found == {strong.key.id: ("strong", "not_allowed"), same.key.id: ("same", "conflict")}
    for one, error in ((strong, NotAllowed), (same, Conflict)):
        with pytest.raises(error) as raised:
            tk.keys.hand_over(one.key.id, "bob", by=by)
        assert str(raised.value) in [skipped.message for skipped in done.skipped]
    assert owners(tk, strong, same, plain, clerk) == ["ada", "ada", "bob", "bob"]


def test_a_repeat_hands_over_what_is_left(tk: Any, issue: Issue, bob: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = [issue() for _ in range(5)]
    with interrupted(monkeypatch, KeyRows, "taken", 2):
        tk.owners.hand_over("ada", "bob", dry_run=False)
    assert sorted(owners(tk, *issued)) == ["ada", *["bob"] * 4]
    assert tk.owners.hand_over("ada", "bob", dry_run=False).handed_count == 1
    assert owners(tk, *issued) == ["bob"] * 5
    count = len(tk.audit.list(limit=100))
    again = tk.owners.hand_over("ada", "bob", dry_run=False)
    assert (again.handed_count, again.skipped_count) == (0, 0)
    assert len(tk.audit.list(limit=100)) == count
    assert tk.audit.check()


@pytest.mark.parametrize("dry_run", [True, False])
def test_with_a_limit_a_call_takes_so_many_keys_and_its_cursor_goes_on(
    tk: Any, issue: Issue, bob: Any, dry_run: bool
) -> None:
    issued = [issue(f"k{number}") for number in range(8)]
    tk.keys.issue("bob", name="k6")
    tk.keys.revoke(issued[3].key.id)
    results = [tk.owners.hand_over("ada", "bob", dry_run=dry_run, limit=3)]
    while (cursor := results[-1].next_cursor) is not None:
        results.append(tk.owners.hand_over("ada", "bob", dry_run=dry_run, limit=3, cursor=cursor))
    assert [(one.handed_count, one.skipped_count) for one in results] == [(2, 1), (3, 0), (1, 0)]
    assert [key.name for one in results for key in one.skipped] == ["k6"]
    del issued[3], issued[5]
    assert owners(tk, *issued) == ["ada" if dry_run else "bob"] * 6
    for wrong in ({"limit": 0}, {"limit": True}, {"cursor": "x"}):
        with pytest.raises(Invalid):
            tk.owners.hand_over("ada", "bob", **wrong)


def test_both_owners_must_be_within_reach_and_the_other_one_active(tk: Any, issue: Issue, bob: Any, acme: str) -> None:
    issued = issue()
    tk.owners.put("gone")
    tk.owners.disable("gone")
    for dry_run in (True, False):

        def hand(*names: str, dry_run: bool = dry_run, **options: Any) -> object:
            return tk.owners.hand_over(*names, dry_run=dry_run, **options)

        for names, options in (
            (("nobody", "bob"), {}),
            (("ada", "nobody"), {}),
            (("ada", "bob"), {"by": "ada"}),
            (("ada", "bob"), {"by": "bob"}),
            (("ada", "bob"), {"tenant": acme}),
        ):
            with pytest.raises(NotFound):
                hand(*names, **options)
        with pytest.raises(Conflict, match="not active"):
            hand("ada", "gone")
        with pytest.raises(Invalid, match="belong to this owner"):
            hand("ada", "ada")
        key = tk.keys.issue(tk.owners.put("root", admin=True), name=str(dry_run))
        with pytest.raises(NotFound):
            hand("ada", "bob", by=tk.require(key.secret))
        assert hand("ada", "bob", by="root").handed_count == 1  # type: ignore[attr-defined]
    with pytest.raises(Invalid):
        tk.owners.hand_over("ada", "bob", dry_run="no")
    assert owners(tk, issued) == ["bob"]


one, other = pytest.fixture(name="one")(apart), pytest.fixture(name="other")(apart)

MEANWHILE: dict[str, tuple[Callable[[Any, str], object], str, int]] = {
    "revoked": (lambda tk, id: tk.keys.revoke(id), "ada", 1),
    "changed": (lambda tk, id: tk.keys.update(id, description="new"), "bob", 2),
    "handed over": (lambda tk, id: tk.keys.hand_over(id, "carl"), "carl", 1),
}


@pytest.mark.rules
@pytest.mark.parametrize("what", MEANWHILE)
def test_a_key_that_changes_meanwhile_is_looked_at_again(
    one: Any, other: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name in ("ada", "bob", "carl"):
        one.owners.put(name)
    changed, rest = (one.keys.issue("ada", name=name).key.id for name in "ab")
    change, owner, count = MEANWHILE[what]
    with after_listing(monkeypatch, "list", lambda: change(other, changed)):
        done = one.owners.hand_over("ada", "bob", dry_run=False)
    assert (done.handed_count, done.skipped_count) == (count, 0)
    assert [one.keys.get(id).owner for id in (changed, rest)] == [owner, "bob"]
    assert sound(one)
