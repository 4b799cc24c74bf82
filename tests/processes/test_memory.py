"""What is remembered: nothing read before a change, no more than fits, and nothing breaks under many threads."""

import itertools
import sys
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.processes.places import Place
from tests.processes.races import TRIALS, at_once
from tokenry import Tokenry
from tokenry.core.scopes import granted
from tokenry.runtime.memory import Memory


class SlowFind:
    """A store whose lookup has read its row and now takes its time, until somebody lets it go on."""

    def __init__(self, tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_read, self.go_on, self.is_slow = threading.Event(), threading.Event(), False
        find = tk._database.find

        def slowly(kid: str) -> Any:
            row = find(kid)
            if self.is_slow:
                self.is_slow = False
                self.has_read.set()
                assert self.go_on.wait(30)
            return row

        monkeypatch.setattr(tk._database, "find", slowly)

    def start(self, verify: Any) -> threading.Thread:
        """Begin a verification and return when it has read its row."""
        self.has_read.clear()
        self.go_on.clear()
        self.is_slow = True
        thread = threading.Thread(target=verify)
        thread.start()
        assert self.has_read.wait(30)
        return thread

    def finish(self, thread: threading.Thread) -> None:
        self.go_on.set()
        thread.join()


@pytest.mark.parametrize("exclusive", [True, False], ids=["alone", "shared"])
def test_a_grant_that_was_read_before_a_revocation_is_not_remembered_after_it(
    file_place: Place, monkeypatch: pytest.MonkeyPatch, exclusive: bool
) -> None:
    tk = file_place.open(exclusive=exclusive)
    tk.owners.put("u")
    slow = SlowFind(tk, monkeypatch)
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        thread = slow.start(lambda issued=issued: tk.verify(issued.secret))
        tk.keys.revoke(issued.key.id)
        slow.finish(thread)
        assert tk.verify(issued.secret).code == "revoked"


@pytest.mark.parametrize("exclusive", [True, False], ids=["alone", "shared"])
def test_a_grant_that_was_read_before_everything_is_dropped_is_not_remembered_after_it(
    file_place: Place, monkeypatch: pytest.MonkeyPatch, exclusive: bool
) -> None:
    tk = file_place.open(exclusive=exclusive)
    tk.owners.put("u")
    tk.roles.put("r", scopes=["read:a"])
    slow = SlowFind(tk, monkeypatch)
    for trial in range(TRIALS):
        tk.roles.put("r", scopes=["read:a"])
        secret = tk.keys.issue(owner="u", name=f"k{trial}", roles=["r"]).secret
        thread = slow.start(lambda secret=secret: tk.verify(secret))
        tk.roles.put("r", scopes=["read:b"])
        slow.finish(thread)
        assert tk.verify(secret, scopes=["read:a"]).code == "insufficient_scope"


def test_a_grant_that_was_read_before_another_process_revoked_is_not_trusted_after_it(
    file_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever else verifies meanwhile, and so learns of the change first, must not make it forgotten."""
    tk = file_place.open()
    tk.owners.put("u")
    other = tk.keys.issue(owner="u", name="other").secret
    slow = SlowFind(tk, monkeypatch)
    (member,) = file_place.members(1)
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        thread = slow.start(lambda issued=issued: tk.verify(issued.secret))
        member.ask("call", "keys", "revoke", issued.key.id)
        if trial % 2:
            assert tk.verify(other)
        slow.finish(thread)
        assert tk.verify(issued.secret).code == "revoked"


def test_lookups_and_drops_that_race_never_leave_a_stale_grant(file_place: Place) -> None:
    tk = file_place.open(exclusive=True)
    tk.owners.put("u")
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        calls = [lambda issued=issued: tk.verify(issued.secret)] * 3
        answers = at_once([*calls, lambda issued=issued: tk.keys.revoke(issued.key.id)])
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert tk.verify(issued.secret).code == "revoked"


def test_a_key_issued_after_it_was_presented_works_at_once(file_place: Place) -> None:
    """A secret that is known before its key is committed (a repeated call) must not be remembered as missing."""
    tk, other = file_place.open(), file_place.open()
    tk.owners.put("u")
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}", idempotency_key=f"once {trial}")
        assert other.verify(issued.secret)


@pytest.mark.parametrize("dropping", [True, False])
def test_a_full_memory_neither_breaks_nor_grows_under_many_threads(dropping: bool) -> None:
    memory, rounds = Memory(4, None), 30_000
    running = True

    def remember(name: int) -> None:
        for n in range(rounds):
            grant: Any = SimpleNamespace(kid=f"{name} {n % 50}", key_record=b"", own_scopes=(), scopes=granted(()))
            memory.remember(grant, "text", memory.prepare())

    def drop() -> None:
        while running and dropping:
            memory.clear()
            memory.sweep()

    def remember_all() -> list[Any]:
        nonlocal running
        answers = at_once([lambda n=n: remember(n) for n in range(4)])
        running = False
        return answers

    sys.setswitchinterval(1e-9)
    assert at_once([remember_all, drop]) == [[None] * 4, None]
    assert len(memory) <= 4


def test_a_memory_that_is_dropped_is_swept_while_calls_flush_for_themselves(file_place: Place) -> None:
    tk = file_place.open(exclusive=True, background=False, flush_interval=timedelta(microseconds=1))
    tk.owners.put("u")
    issued = tk.keys.issue_many([{"owner": "u", "name": f"k{n}"} for n in range(40)])
    secrets = [str(one.secret) for one in issued]  # type: ignore[union-attr]

    def verify(start: int) -> list[str]:
        return [tk.verify(secrets[(start + n) % 40]).code for n in range(300)]

    def drop() -> None:
        for scope, _ in zip(itertools.cycle(["read:a", "read:b"]), range(TRIALS), strict=False):
            tk.roles.put("r", scopes=[scope])

    *answers, dropped = at_once([*(lambda n=n: verify(n * 10) for n in range(4)), drop])
    assert dropped is None
    assert answers == [["valid"] * 300] * 4
