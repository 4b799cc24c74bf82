"""Makes processes that do their work until they are killed, quickly: it has imported everything and only forks.

A child tells on the pipe what it is about to do, and what has been done once the call has returned. So the lines that
came through are the truth about what was acknowledged, whatever instant the child was killed at.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tokenry import Settings, Tokenry
from tokenry.service import ending
from tokenry.service.context import Change

ROOT = Path(__file__).parents[2]


class Child:
    """One process at work, as its parent sees it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it tells, until it has ended."""
        while "ended" not in (line := self._nursery.read()):
            yield line

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """One process that forks the others, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, url: str, keyring: str | None, round_: Any, task: str = "work") -> Child:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([task, url, keyring, round_]).encode() + b"\n")
        self._process.stdin.flush()
        return Child(self, self.read()["pid"])

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def tell(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")  # short enough to be written whole or not at all


def work(url: str, keyring: str | None, round_: int) -> None:
    """Issue, rotate and revoke without end, flushing usage and sealing the audit log every few milliseconds."""
    chance = random.Random(round_)
    tk = Tokenry(url, keyring=keyring, settings=Settings(flush_interval=timedelta(milliseconds=3)))
    tell(ready=True)
    tk.owners.put("u")
    living: dict[str, str] = {}
    for number in range(10**9):
        what = chance.choice(["issue", "rotate", "revoke"]) if len(living) > 3 else "issue"
        if what == "issue":
            tell(begin="issue", name=f"{round_} {number}")
            issued = tk.keys.issue(owner="u", name=f"{round_} {number}")
            living[issued.key.id] = str(issued.secret)
            tell(done="issue", id=issued.key.id, secret=str(issued.secret))
            continue
        id = chance.choice(list(living))
        tell(begin=what, id=id)
        if what == "rotate":
            issued = tk.keys.rotate(id)
            living[id] = str(issued.secret)
            tell(done="rotate", id=id, secret=str(issued.secret))
        else:
            tk.keys.revoke(id)
            del living[id]
            tell(done="revoke", id=id)
        for secret in living.values():
            tk.verify(secret)


def refresh(url: str, keyring: str | None, round_: int) -> None:
    """Refresh one session without end."""
    tk = Tokenry(url, keyring=keyring, settings=Settings(flush_interval=timedelta(milliseconds=3)))
    tk.owners.put("u")
    started = tk.sessions.start("u")
    tell(done="start", id=started.session.id, token=str(started.refresh), access=str(started.access))
    while True:
        tell(begin="refresh")
        started = tk.sessions.refresh(started.refresh)
        tell(done="refresh", token=str(started.refresh), access=str(started.access))


def disable(url: str, keyring: str | None, batches: int) -> None:
    """Disable an owner with seven sessions, two in a transaction, and die before transaction `batches` ends."""
    ending.BATCH, finish, left = 2, Change.finish, iter(range(batches))

    def finish_or_die(change: Change) -> object:
        done = finish(change)
        if "session.revoked" in done.actions and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    tk = Tokenry(url, keyring=keyring, settings=Settings(background=False))
    tk.owners.put("u")
    for _ in range(7):
        tell(access=str(tk.sessions.start("u").access))
    Change.finish = finish_or_die  # type: ignore[assignment, method-assign]
    tk.owners.disable("u")
    tell(disabled=True)


def hand_over(url: str, keyring: str | None, batches: int) -> None:
    """Hand seven keys of an owner over, two in a transaction, and die before transaction `batches` ends."""
    ending.BATCH, finish, left = 2, Change.finish, iter(range(batches))

    def finish_or_die(change: Change) -> object:
        done = finish(change)
        if "key.handed_over" in done.actions and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    tk = Tokenry(url, keyring=keyring, settings=Settings(background=False))
    for owner in ("u", "v"):
        tk.owners.put(owner)
    for number in range(7):
        issued = tk.keys.issue("u", name=f"{batches} {number}")
        tell(id=issued.key.id, secret=str(issued.secret))
    Change.finish = finish_or_die  # type: ignore[assignment, method-assign]
    tk.owners.hand_over("u", "v", dry_run=False)
    tell(handed=True)


def spend(url: str, keyring: str | None, asked: list[Any]) -> None:
    """Spend the credits of a key without end: verify, and hold, settle or leave what is held."""
    seed, key_id, secret = asked
    chance = random.Random(seed)
    tk = Tokenry(url, keyring=keyring, settings=Settings(background=False))
    while True:
        if chance.random() < 0.5:
            cost = chance.randrange(1, 4)
            tell(begin="verify", most=cost)
            tell(done="verify", charged=cost if tk.verify(secret, cost=cost) else 0)
            continue
        amount, on_expiry = chance.randrange(1, 9), chance.choice(["free", "charge"])
        tell(begin="reserve", most=0)
        hold = tk.credits.reserve(key_id, amount, expires_in=timedelta(days=1), on_expiry=on_expiry)
        tell(done="reserve", charged=0)
        if chance.random() < 0.7:
            charged = chance.randrange(amount + 1)
            tell(begin="settle", most=charged)
            tell(done="settle", charged=hold.settle(charged).charged)


TASKS = {"spend": spend, "work": work, "refresh": refresh, "disable": disable, "hand_over": hand_over}


def _main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                task, *args = json.loads(line)
                TASKS[task](*args)
            finally:
                os._exit(1)
        tell(pid=pid)
        os.waitpid(pid, 0)
        tell(ended=pid)


if __name__ == "__main__":
    _main()
