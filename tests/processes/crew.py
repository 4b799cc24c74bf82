"""Other processes: each has a Tokenry of its own and does what it is told, one line of JSON at a time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """What a process answered when a task raised: the name of the error, then its text."""


class Member:
    """One process. `begin` and `answer` are the two halves of `ask`, so that several can work at the same time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.member"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._awaited = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def begin(self, task: str, *args: Any, **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([task, args, options]).encode() + b"\n")
        self._process.stdin.flush()
        self._awaited += 1

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"process {self.pid} is gone, with exit status {self._process.wait()}")
        self._awaited -= 1
        kind, value = json.loads(line)
        if kind == "failed":
            raise Failed(value)
        return value

    def ask(self, task: str, *args: Any, **options: Any) -> Any:
        self.begin(task, *args, **options)
        return self.answer()

    @property
    def is_ready(self) -> bool:
        return self.is_alive and not self._awaited

    def kill(self) -> None:
        """End the process without a word."""
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self.end()

    def end(self) -> None:
        """Let the process end as a program does that has nothing more to do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()


class Crew:
    """Processes that one test after the other may have, since starting them takes longer than most tests."""

    def __init__(self) -> None:
        self._members: list[Member] = []

    def members(self, count: int, url: str, **options: Any) -> list[Member]:
        """Return so many processes with an instance on `url` each."""
        self._dismiss()
        self._members += [Member() for _ in range(count - len(self._members))]
        chosen = self._members[:count]
        together(chosen, "open", url, **options)
        return chosen

    def rest(self) -> None:
        """Let every process close its instance."""
        self._dismiss()
        together(self._members, "close")

    def _dismiss(self) -> None:
        """Part with those that a test has killed, or left in the middle of something."""
        for member in self._members:
            if member.is_alive and not member.is_ready:
                member.kill()
        self._members = [member for member in self._members if member.is_alive]

    def end(self) -> None:
        for member in self._members:
            member.end()


def together(members: Sequence[Member], task: str, *args: Any, **options: Any) -> list[Any]:
    """Ask several processes for the same thing at the same time; return their answers."""
    for member in members:
        member.begin(task, *args, **options)
    return [member.answer() for member in members]
