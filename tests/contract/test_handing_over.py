"""A key that is handed over stays as it is and belongs to another owner of its tenant, everywhere and at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tests.contract.test_races import instance
from tests.servers.postgres import waits_for_a_lock
from tests.servers.waiting import until
from tokenry import Conflict, NotAllowed, NotFound
from tokenry.store.checking import check_documents
from tokenry.store.keys import KeyRows
from tokenry.types import Issued


@pytest.fixture
def bob(tk: Any) -> Any:
    """Another owner."""
    return tk.owners.put("bob")


def sound(tk: Any) -> bool:
    """Tell whether rows and documents agree."""
    try:
        database = tk._sync._database
    except AttributeError:
        database = tk._database
    with database.read() as rows:
        return not any(check_documents(rows.connection, database.seals, None))


def test_secrets_limits_and_usage_stay(tk: Any, issue: Issue, bob: Any) -> None:
    issued = issue(scopes=["read:a"], limits=[{"name": "m", "limit": 5, "window_seconds": 60}], tags=["t"])
    newer = tk.keys.rotate(issued.key.id, grace=timedelta(hours=1))
    assert tk.verify(issued.secret).owner.external_id == "ada"
    tk.flush()
    before = tk.keys.get(issued.key.id)
    handed = tk.keys.hand_over(issued.key.id, "bob")
    for secret in (issued.secret, newer.secret):
        verdict = tk.require(secret, scopes="read:a")
        assert (verdict.owner.external_id, verdict.key.owner) == ("bob", "bob")
    after = tk.keys.get(issued.key.id)
    assert (after.owner, after.version) == ("bob", before.version + 1)
    assert (after.scopes, after.limits, after.tags, after.use_count) == (("read:a",), before.limits, ("t",), 1)
    assert (handed.owner, handed.version) == (after.owner, after.version)
    assert [hour.count for hour in tk.usage.get(issued.key.id)] == [1]
    assert [key.id for key in tk.keys.list(owner="bob")] == [issued.key.id]
    assert tk.keys.list(owner="ada").items == ()
    assert sound(tk)


def test_it_is_told_of_with_both_owners(tk: Any, issue: Issue, bob: Any) -> None:
    id = issue().key.id
    tk.keys.hand_over(id, "bob", by=tk.owners.put("root", admin=True))
    [entry], [event] = tk.audit.list(action="key.handed_over"), tk.events.list(types=["key.handed_over"])
    assert (entry.subject, entry.actor, entry.before) == (id, "root", {"owner": "ada"})
    assert entry.after == {"owner": "bob", "previous_owner": "ada"} == event.data


def test_the_former_owner_reaches_it_no_more_and_the_new_one_does(tk: Any, issue: Issue, bob: Any) -> None:
    issued = issue()
    assert tk.keys.get(issued.key.id, by="ada")
    tk.keys.hand_over(issued.key.id, "bob")
    for call in (tk.keys.get, tk.keys.rotate, tk.keys.revoke):
        with pytest.raises(NotFound):
            call(issued.key.id, by="ada")
    tk.owners.disable("ada")
    assert tk.verify(issued.secret)
    tk.owners.delete("ada")
    assert tk.verify(issued.secret)
    assert tk.keys.revoke(issued.key.id, by="bob").status == "revoked"


def test_a_repeated_call_shows_no_secret_to_the_former_owner(tk: Any, ada: Any, bob: Any) -> None:
    issued = tk.keys.issue("ada", name="k", by="ada", idempotency_key="once")
    assert tk.keys.issue("ada", name="k", by="ada", idempotency_key="once").secret == issued.secret
    tk.keys.hand_over(issued.key.id, "bob")
    with pytest.raises(NotFound):
        tk.keys.issue("ada", name="k", by="ada", idempotency_key="once")


def test_nobody_hands_over_what_they_could_not_issue(tk: Any, issue: Issue, bob: Any, acme: str) -> None:
    keys = ["tokenry:keys:read", "tokenry:keys:write"]
    clerk = tk.require(issue(environment="op", scopes=keys).secret, environment="op")
    strong = issue(environment="op", scopes=["tokenry:owners:write"]).key.id
    with pytest.raises(NotAllowed):
        tk.keys.hand_over(strong, "bob", by=clerk)
    assert tk.keys.hand_over(issue(scopes=["a"]).key.id, "bob", by=clerk).owner == "bob"
    with pytest.raises(NotFound):
        tk.keys.hand_over(strong, "bob", by="ada")
    with pytest.raises(NotFound):
        tk.keys.hand_over(strong, "bob", by="bob")
    with pytest.raises(NotFound):
        tk.keys.hand_over(strong, "nobody")
    with pytest.raises(NotFound):
        tk.keys.hand_over(strong, "bob", tenant=acme)
    assert tk.keys.get(strong).owner == "ada"


def test_it_is_refused_for_what_cannot_have_it(tk: Any, issue: Issue, bob: Any) -> None:
    issued = issue()
    tk.keys.issue("bob", name=issued.key.name)
    with pytest.raises(Conflict, match="already has a key named"):
        tk.keys.hand_over(issued.key.id, "bob")
    tk.owners.put("gone")
    tk.owners.disable("gone")
    with pytest.raises(Conflict, match="not active"):
        tk.keys.hand_over(issued.key.id, "gone")
    tk.keys.revoke(issued.key.id)
    tk.owners.put("carl")
    with pytest.raises(Conflict, match="revoked"):
        tk.keys.hand_over(issued.key.id, "carl")
    assert tk.verify(issued.secret).code == "revoked"
    assert sound(tk)


def test_handing_over_to_its_owner_is_told_of_to_nobody(tk: Any, issue: Issue) -> None:
    id = issue().key.id
    assert tk.keys.hand_over(id, "ada").owner == "ada"
    assert tk.audit.list(action="key.handed_over").items == ()


ENDINGS: dict[str, Callable[[Any, Issued], object]] = {
    "revoke": lambda tk, issued: tk.keys.revoke(issued.key.id),
    "disable": lambda tk, issued: tk.keys.disable(issued.key.id),
    "rotate": lambda tk, issued: tk.keys.rotate(issued.key.id),
    "disable the new owner": lambda tk, issued: tk.owners.disable("bob"),
    "delete the new owner": lambda tk, issued: tk.owners.delete("bob"),
}


one, other = pytest.fixture(name="one")(instance), pytest.fixture(name="other")(instance)


@pytest.mark.rules
@pytest.mark.parametrize("how", ENDINGS)
def test_racing_with_its_end_leaves_no_secret_that_works(one: Any, other: Any, how: str) -> None:
    one.owners.put("ada")
    for number in range(40):
        one.owners.put("bob")
        one.owners.enable("bob")
        issued, start, ended = one.keys.issue("ada", name=f"k{number}"), threading.Barrier(2), []
        assert other.verify(issued.secret)

        def hand_over(id: str = issued.key.id, start: threading.Barrier = start) -> None:
            start.wait()
            with suppress(Conflict, NotFound):
                other.keys.hand_over(id, "bob")

        thread = threading.Thread(target=hand_over)
        thread.start()
        start.wait()
        with suppress(Conflict):
            ENDINGS[how](one, issued)
            ended.append(how)
        thread.join(20)
        assert ended or how == "rotate"
        is_over = bool(ended) and (how in ("revoke", "disable", "rotate") or one.keys.get(issued.key.id).owner == "bob")
        for tk in (one, other):
            assert bool(tk.verify(issued.secret)) != is_over, how
        assert sound(one)


@pytest.mark.rules
def test_a_call_that_waits_for_a_hand_over_finds_the_key(
    one: Any, other: Any, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.owners.put("ada")
    one.owners.put("bob")
    id, written, ended = one.keys.issue("ada", name="k").key.id, threading.Event(), []
    original = KeyRows.update

    def update(self: KeyRows, *args: Any, **options: Any) -> Any:
        found = original(self, *args, **options)
        if not written.is_set():
            written.set()
            until(lambda: waits_for_a_lock(installation.url))
        return found

    monkeypatch.setattr(KeyRows, "update", update)
    thread = threading.Thread(target=lambda: written.wait(10) and ended.append(other.keys.revoke(id)))
    thread.start()
    one.keys.hand_over(id, "bob")
    thread.join(20)
    assert [(key.status, key.owner) for key in ended] == [("revoked", "bob")]


def test_a_repeated_call_changes_nothing(tk: Any, issue: Issue, bob: Any) -> None:
    issued = issue()
    first = tk.keys.hand_over(issued.key.id, "bob")
    count = len(tk.audit.list(limit=100))
    assert tk.keys.hand_over(issued.key.id, "bob") == first == tk.keys.get(issued.key.id)
    assert len(tk.audit.list(limit=100)) == count
