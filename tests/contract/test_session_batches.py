"""Many sessions end in batches, each a transaction, so that no other process waits long for its turn to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.places import Installation
from tests.contract.test_batches import interrupted
from tokenry import Invalid, Refused, Settings
from tokenry.service import ending, owners
from tokenry.service.context import Change

BATCH, SESSIONS = 2, 7
Call = Callable[[Any], object]
CALLS: dict[str, Call] = {
    "disable": lambda tk: tk.owners.disable("ada"),
    "delete": lambda tk: tk.owners.delete("ada"),
    "revoke_all": lambda tk: tk.sessions.revoke_all("ada"),
    "admin": lambda tk: tk.owners.put("ada", admin=True),
    "roles": lambda tk: tk.owners.put("ada", roles=["admins"]),
    "a role for admins": lambda tk: tk.roles.put("dev", scopes=["*"]),
}


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many sessions each transaction has ended, with batches of two."""
    monkeypatch.setattr(ending, "BATCH", BATCH)
    counts: list[int] = []
    finish = Change.finish

    def counting(self: Change) -> Any:
        done = finish(self)
        counts.append(done.actions.count("session.revoked"))
        return done

    monkeypatch.setattr(Change, "finish", counting)
    yield counts
    assert max(counts) <= BATCH


def sign_in(tk: Any, count: int = SESSIONS) -> list[Any]:
    """Make an owner of a role that signs in so often; return the tokens of its sessions."""
    tk.roles.put("admins", scopes=["*"])
    tk.roles.put("dev", scopes=["a"])
    tk.owners.put("ada", roles=["dev"])
    return [tk.sessions.start("ada") for _ in range(count)]


def living(tk: Any, started: list[Any]) -> int:
    """Count the sessions that still live; make sure that verification and refresh agree."""
    valid = [bool(tk.verify(one.access)) for one in started]
    assert [not isinstance(tk.sessions.refresh(one.refresh, one.access), Refused) for one in started] == valid
    return sum(valid)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_transaction_ends_more_sessions_than_a_batch(tk: Any, written: list[int], call: Call) -> None:
    started = sign_in(tk)
    assert living(tk, started) == SESSIONS
    del written[:]
    call(tk)
    assert sum(written) == SESSIONS
    assert living(tk, started) == 0
    assert len(tk.audit.list(action="session.revoked", limit=100)) == SESSIONS
    assert tk.audit.check()


@pytest.mark.parametrize("count", range(5))
def test_a_batch_that_is_the_last_is_full_or_not(tk: Any, count: int) -> None:
    started = sign_in(tk, count)
    assert set(tk.sessions.revoke_all("ada")) == {one.session.id for one in started}


def test_with_a_limit_a_call_ends_at_most_so_many_and_fewer_when_none_is_left(tk: Any, written: list[int]) -> None:
    started = sign_in(tk)
    kept = started[0].session.id
    calls = [tk.sessions.revoke_all("ada", keep=kept, limit=limit) for limit in (3, 3, 3)]
    assert [len(ended) for ended in calls] == [3, 3, 0]
    assert {id for ended in calls for id in ended} == {one.session.id for one in started[1:]}
    assert living(tk, started) == 1
    for wrong in (0, 1001, True, "3"):
        with pytest.raises(Invalid, match="1 to 1000 sessions"):
            tk.sessions.revoke_all("ada", limit=wrong)
    assert living(tk, started) == 1


def test_sessions_that_are_kept_fill_no_batch(tk: Any) -> None:
    started = sign_in(tk)
    kept = [one.session.id for one in started[:3]]
    assert len(tk.sessions.revoke_all("ada", keep=kept)) == SESSIONS - 3
    assert {one.id for one in tk.sessions.list(limit=9) if one.status == "active"} == set(kept)


def test_an_interrupted_disabling_refuses_at_once_and_a_repeat_ends_the_rest(
    tk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = sign_in(tk)
    with interrupted(monkeypatch, ending, "end_sessions", 2):
        tk.owners.disable("ada")
    assert {tk.verify(one.access).code for one in started} == {"revoked", "owner_disabled"}
    assert living(tk, started) == 0
    assert tk.owners.disable("ada").status == "disabled"
    assert {tk.verify(one.access).code for one in started} == {"revoked"}
    assert len(tk.audit.list(action="session.revoked", limit=100)) == SESSIONS
    assert len(tk.audit.list(action="owner.disabled", limit=100)) == 1


def test_an_owner_enabled_after_an_interrupted_disabling_has_no_session(
    tk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = sign_in(tk)
    with interrupted(monkeypatch, ending, "end_sessions", 1):
        tk.owners.disable("ada")
    with interrupted(monkeypatch, ending, "end_sessions", 1):
        tk.owners.enable("ada")
    assert tk.owners.get("ada").status == "disabled"
    assert tk.owners.enable("ada").status == "active"
    assert living(tk, started) == 0
    assert living(tk, [tk.sessions.start("ada")]) == 1


def test_a_disabling_leaves_an_owner_alone_that_was_enabled_meanwhile(tk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(tk)
    original = owners.same_owner

    def same(change: Any, external_id: object, id: str) -> Any:
        """Let another call have enabled the owner between two batches."""
        found = change.rows.owners.get(change.tenant, "ada")
        change.rows.owners.update(change.tenant, found, {"status": "active"}, change.now)
        return original(change, external_id, id)

    monkeypatch.setattr(owners, "same_owner", same)
    tk.owners.disable("ada")
    assert tk.owners.get("ada").status == "active"
    assert len(tk.audit.list(action="session.revoked", limit=100)) == BATCH


@pytest.mark.parametrize("promote", [CALLS["admin"], CALLS["roles"], CALLS["a role for admins"]])
def test_an_interrupted_promotion_promotes_nobody_and_a_repeat_does(
    tk: Any, monkeypatch: pytest.MonkeyPatch, promote: Call
) -> None:
    started = sign_in(tk)
    with interrupted(monkeypatch, ending, "end_sessions", 3):
        promote(tk)
    left = [one for one in started if tk.verify(one.access)]
    assert len(left) == SESSIONS - 3 * BATCH
    assert not any(tk.verify(one.access, scopes=["b"]) for one in left)
    assert (tk.owners.get("ada").admin, tk.owners.get("ada").roles) == (False, ("dev",))
    promote(tk)
    assert living(tk, started) == 0


def test_a_host_that_promotes_an_owner_ends_its_sessions_before_it_signs_in_or_refreshes(tk: Any) -> None:
    for refresh in (False, True):
        user: dict[str, Any] = {"admin": False}
        tk.owner_loader(lambda external_id, tenant, user=user: user)
        started = [tk.sessions.start(f"ada-{refresh}") for _ in range(SESSIONS)]
        user["admin"] = True
        if refresh:
            assert not tk.sessions.refresh(started[-1].refresh, started[-1].access)
        tk.sessions.start(f"ada-{refresh}")
        assert tk.owners.get(f"ada-{refresh}").admin
        assert living(tk, started) == 0


@pytest.mark.lasting
def test_a_sign_in_that_replaces_many_sessions_ends_them_in_batches(
    installation: Installation, tk: Any, written: list[int]
) -> None:
    started = sign_in(tk)
    tk = installation.reopen(tk, settings=Settings(background=False, sessions_per_owner="one"))
    del written[:]
    one = tk.sessions.start("ada")
    assert written == [2, 2, 2, 1]
    assert not any(tk.verify(tokens.access) for tokens in started)
    assert tk.verify(one.access)
