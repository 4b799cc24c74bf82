"""Revoked means revoked: no verification that begins after an end was told says `valid`, in any process with memory.

A witness has each secret in memory and verifies it in a loop; another thread, or another process, ends it.
"""

import itertools
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes.places import Place
from tests.processes.races import TRIALS, end_in_turn, witness
from tokenry import Tokenry

Ends = list[Callable[[], Any]]


@dataclass(frozen=True)
class End:
    """A way to end many secrets one after the other: makes them, and says how each ends and with which code."""

    code: str
    make: Callable[[Tokenry], tuple[list[str], Ends]]
    asked: dict[str, Any]


def by_key(end: Callable[[Tokenry, str], Any], **fields: Any) -> Callable[[Tokenry], tuple[list[str], Ends]]:
    def make(tk: Tokenry) -> tuple[list[str], Ends]:
        tk.owners.put("u")
        tk.roles.put("r", scopes=["read:a"])
        asked = [{"owner": "u", "name": f"k{n:03}", **fields} for n in range(TRIALS)]
        issued = tk.keys.issue_many(asked)
        return [str(i.secret) for i in issued], [lambda i=i: end(tk, i.key.id) for i in issued]  # type: ignore[union-attr]

    return make


def by_owner(end: Callable[[Tokenry, str], Any]) -> Callable[[Tokenry], tuple[list[str], Ends]]:
    def make(tk: Tokenry) -> tuple[list[str], Ends]:
        secrets, ends = [], []
        for n in range(TRIALS):
            tk.owners.put(f"u{n}")
            secrets.append(str(tk.keys.issue(owner=f"u{n}", name="k").secret))
            ends.append(lambda n=n: end(tk, f"u{n}"))
        return secrets, ends

    return make


ENDS = {
    "revoke": End("revoked", by_key(lambda tk, id: tk.keys.revoke(id)), {}),
    "delete": End("not_found", by_key(lambda tk, id: tk.keys.delete(id)), {}),
    "disable": End("disabled", by_key(lambda tk, id: tk.keys.disable(id)), {}),
    "rotate": End("revoked", by_key(lambda tk, id: tk.keys.rotate(id)), {}),
    "bulk": End("revoked", by_key(lambda tk, id: tk.keys.revoke_where(text=tk.keys.get(id).name, dry_run=False)), {}),
    "narrow the key": End(
        "insufficient_scope",
        by_key(lambda tk, id: tk.keys.update(id, scopes=[]), scopes=["read:a"]),
        {"scopes": ["read:a"]},
    ),
    "list addresses": End(
        "ip_not_allowed", by_key(lambda tk, id: tk.keys.update(id, allowed_ips=["10.0.0.1"])), {"ip": "10.0.0.2"}
    ),
    "take the role": End(
        "insufficient_scope",
        by_key(lambda tk, id: tk.keys.update(id, roles=[]), roles=["r"]),
        {"scopes": ["read:a"]},
    ),
    "disable the owner": End("owner_disabled", by_owner(lambda tk, id: tk.owners.disable(id)), {}),
    "delete the owner": End("revoked", by_owner(lambda tk, id: tk.owners.delete(id)), {}),
}
# These end every key of a tenant, and are undone between two trials.
SWITCHES = {
    "narrow the role": (
        "insufficient_scope",
        lambda tk: tk.roles.put("r", scopes=["read:b"]),
        lambda tk: tk.roles.put("r", scopes=["read:a"]),
        {"scopes": ["read:a"]},
    ),
    "delete the role": (
        "insufficient_scope",
        lambda tk: tk.roles.delete("r"),
        lambda tk: (tk.roles.put("r", scopes=["read:a"]), give_role(tk)),
        {"scopes": ["read:a"]},
    ),
    "suspend the tenant": (
        "tenant_suspended",
        lambda tk: tk.tenants.suspend("default"),
        lambda tk: tk.tenants.resume("default"),
        {},
    ),
}


def give_role(tk: Tokenry) -> None:
    (key,) = tk.keys.list().items
    tk.keys.update(key.id, roles=["r"])


def in_thread(tk: Tokenry, place: Place, secrets: list[str], ends: Ends, asked: dict[str, Any]) -> Any:
    """Let a thread watch while this one ends; both on one instance."""
    board, seen = place.board(), []
    watching = threading.Thread(target=lambda: seen.append(witness(tk, board, secrets, **asked)))
    watching.start()
    end_in_turn(board, ends)
    watching.join()
    return seen[0]


def in_process(place: Place, secrets: list[str], ends: Ends, asked: dict[str, Any]) -> Any:
    """Let another process watch."""
    board = place.board()
    (member,) = place.members(1)
    member.begin("witness", board.path, secrets, **asked)
    end_in_turn(board, ends)
    return member.answer()


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_end_counts_at_once_in_another_process(file_place: Place, end: End) -> None:
    tk = file_place.open()
    secrets, ends = end.make(tk)
    assert in_process(file_place, secrets, ends, end.asked) == [[], [end.code]]


@pytest.mark.parametrize("name", ["revoke", "rotate", "disable the owner"])
def test_an_end_counts_at_once_in_another_process_on_postgres(postgres_place: Place, name: str) -> None:
    tk = postgres_place.open()
    secrets, ends = ENDS[name].make(tk)
    assert in_process(postgres_place, secrets, ends, {}) == [[], [ENDS[name].code]]


@pytest.mark.parametrize("exclusive", [True, False], ids=["alone", "shared"])
@pytest.mark.parametrize("name", ["revoke", "rotate", "disable the owner"])
def test_an_end_counts_at_once_in_other_threads(file_place: Place, name: str, exclusive: bool) -> None:
    tk = file_place.open(exclusive=exclusive)
    secrets, ends = ENDS[name].make(tk)
    assert in_thread(tk, file_place, secrets, ends, ENDS[name].asked) == [[], [ENDS[name].code]]


def test_an_end_counts_at_once_in_other_threads_on_postgres(postgres_place: Place) -> None:
    tk = postgres_place.open()
    secrets, ends = ENDS["revoke"].make(tk)
    assert in_thread(tk, postgres_place, secrets, ends, {}) == [[], ["revoked"]]


def test_an_end_counts_at_once_in_the_async_face_of_another_process(place: Place) -> None:
    tk = place.open()
    secrets, ends = ENDS["revoke"].make(tk)
    board = place.board()
    (member,) = place.members(1)
    member.begin("witness_async", place.url, place.keyring, board.path, secrets)
    end_in_turn(board, ends)
    assert member.answer() == [[], ["revoked"]]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_for_all_keys_counts_at_once_here_and_in_another_process(file_place: Place, name: str) -> None:
    code, off, on, asked = SWITCHES[name]
    tk = file_place.open()
    tk.owners.put("u")
    tk.roles.put("r", scopes=["read:a"])
    secret = tk.keys.issue(owner="u", name="k", roles=["r"]).secret
    (member,) = file_place.members(1)
    for _ in range(TRIALS):
        assert member.ask("verify", str(secret), **asked) == "valid"
        assert tk.verify(secret, **asked)
        off(tk)
        assert tk.verify(secret, **asked).code == code
        assert member.ask("verify", str(secret), **asked) == code
        on(tk)


def test_a_revocation_by_another_process_counts_at_once_here(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    (member,) = place.members(1)
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        assert tk.verify(issued.secret)
        member.ask("call", "keys", "revoke", issued.key.id)
        assert tk.verify(issued.secret).code == "revoked"


def test_two_instances_of_one_process_see_each_others_changes_at_once(place: Place) -> None:
    one, other = place.open(), place.open()
    one.owners.put("u")
    for trial, (tk, second) in zip(range(TRIALS), itertools.cycle([(one, other), (other, one)]), strict=False):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        assert second.verify(issued.secret)
        tk.keys.revoke(issued.key.id)
        assert second.verify(issued.secret).code == "revoked"


def test_a_repeated_revocation_also_promises(file_place: Place) -> None:
    """Of many who revoke at once, each is told only when nobody says `valid` any more."""
    tk = file_place.open()
    tk.owners.put("u")
    (member,) = file_place.members(1)
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        assert tk.verify(issued.secret)
        member.begin("call", "keys", "revoke", issued.key.id)
        tk.keys.revoke(issued.key.id)
        assert tk.verify(issued.secret).code == "revoked"
        member.answer()
    assert sum(event.type == "key.revoked" for event in _all_events(tk)) == TRIALS


def test_a_revocation_after_a_backup_was_put_back_counts_at_once_too(file_place: Place) -> None:
    """What the backup brings back of the past must not look, after as many changes, like what was known before."""
    tk = file_place.open()
    tk.owners.put("u")
    mistaken, issued = (tk.keys.issue(owner="u", name=name) for name in ("mistaken", "k"))
    (member,) = file_place.members(1)
    here, kept = file_place.directory / "keys.db", file_place.directory / "backup.db"
    _copy(here, kept)
    member.ask("call", "keys", "disable", mistaken.key.id)
    assert tk.verify(issued.secret)
    _copy(kept, here)
    member.ask("call", "keys", "revoke", issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"


def _copy(source: Path, target: Path) -> None:
    """Copy a database as SQLite's own `.backup` and `.restore` do."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@pytest.mark.parametrize(
    "what", ["revoke_all", "owner", "tenant", "key", "signing_key", "narrowed key", "narrowed role", "bulk"]
)
def test_who_repeats_an_end_is_told_when_nobody_says_valid_any_more(file_place: Place, what: str) -> None:
    """The first one has committed, and its own thread has not yet come to correct memory."""
    tk = file_place.open(exclusive=True)
    tk.tenants.create("t")
    tk.owners.put("u", tenant="t")
    started = tk.sessions.start("u", tenant="t")
    tk.roles.put("r", scopes=["read:a"], tenant="t")
    issued = tk.keys.issue("u", name="k", roles=["r"], tenant="t")
    credential, asked = started.access, None
    if what in ("key", "narrowed key", "narrowed role", "bulk"):
        credential, asked = issued.secret, "read:a"
    assert tk.verify(credential, scopes=asked)
    [kid, *_] = [key.kid for key in tk.signing_keys.list(tenant="t")]
    ends: dict[str, Callable[[], object]] = {
        "revoke_all": lambda: tk.sessions.revoke_all("u", tenant="t"),
        "owner": lambda: tk.owners.disable("u", tenant="t"),
        "tenant": lambda: tk.tenants.suspend("t"),
        "key": lambda: tk.keys.disable(issued.key.id, tenant="t"),
        "signing_key": lambda: tk.signing_keys.remove(kid, tenant="t"),
        "narrowed key": lambda: tk.keys.update(issued.key.id, roles=[], tenant="t"),
        "narrowed role": lambda: tk.roles.put("r", scopes=[], tenant="t"),
        "bulk": lambda: tk.keys.revoke_where(owner="u", dry_run=False, tenant="t"),
    }
    committed, resume, originals = threading.Event(), threading.Event(), (tk._memory.drop, tk._memory.clear)

    def late(call: Callable[..., None]) -> Callable[..., None]:
        def correct(*args: Any) -> None:
            tk._memory.drop, tk._memory.clear = originals  # type: ignore[method-assign]
            committed.set()
            resume.wait(10)
            call(*args)

        return correct

    tk._memory.drop, tk._memory.clear = map(late, originals)  # type: ignore[method-assign]
    first = threading.Thread(target=ends[what])
    first.start()
    try:
        assert committed.wait(10)
        ends[what]()
        assert not tk.verify(credential, scopes=asked)
    finally:
        resume.set()
        first.join()


def _all_events(tk: Tokenry) -> list[Any]:
    events: list[Any] = []
    while page := tk.events.list(after=events[-1].sequence if events else 0).items:
        events += page
    return events
