"""Try mutants in forks of one process that has imported and collected everything already.

A mutant inside a function needs no import: the code of the function is replaced where it lies in memory. What runs at
import, as constants do, cannot be tried like this.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple, TextIO

import pytest

from .places import import_all

JOBS = int(os.environ.get("JOBS", "1"))
MEMORY_MAX = 6 << 30
PROOF, PROOF_TESTS = -1, 150
"""The number of the first trial, which changes nothing: when its tests fail, every mutant would count as killed."""


class Trial(NamedTuple):
    """One mutant: the file, its text before and after, and the tests that may notice."""

    number: int
    file: Path
    before: bytes
    after: bytes
    tests: Callable[[Counter[str]], list[str]]
    """Returns the tests in the order in which they are tried, given how many mutants each has killed."""


class Warm:
    """A plugin for pytest that tries mutants instead of running the tests once."""

    def __init__(self, trials: list[Trial], seconds: dict[str, float], tell: TextIO) -> None:
        self._trials, self._seconds, self._tell = trials, seconds, tell
        self._running: dict[int, tuple[Trial, list[str], int]] = {}
        self._kills: dict[Path, Counter[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant in a fork, as many at once as JOBS says."""
        items = {item.nodeid: item for item in session.items}
        functions: dict[str, list[FunctionType]] = {}
        for found in gc.get_objects():
            if isinstance(found, FunctionType):
                functions.setdefault(found.__code__.co_filename, []).append(found)
        gc.collect()
        gc.freeze()
        nothing = Trial(PROOF, Path(), b"", b"", lambda _: [])
        self._start(session, nothing, [], sorted(session.items, key=self._usual)[:PROOF_TESTS])
        self._end()
        for trial in self._trials:
            changes = _changes(trial, functions.get(str(trial.file), []))
            if not changes:
                print(trial.number, "cold", file=self._tell)
                continue
            tests = [test for test in trial.tests(self._kills.setdefault(trial.file, Counter())) if test in items]
            self._start(session, trial, changes, [items[test] for test in tests])
            while len(self._running) >= JOBS:
                self._end()
        while self._running:
            self._end()
        return True

    def _usual(self, item: pytest.Item) -> float:
        return self._seconds.get(item.nodeid, 60.0)

    def _start(
        self,
        session: pytest.Session,
        trial: Trial,
        changes: list[tuple[FunctionType, CodeType]],
        items: list[pytest.Item],
    ) -> None:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                for function, code in changes:
                    function.__code__ = code
                run(session, items, self._seconds, write)
            finally:
                os._exit(3)
        os.close(write)
        self._running[pid] = trial, [item.nodeid for item in items], read

    def _end(self) -> None:
        pid, status = os.wait()
        trial, tests, read = self._running.pop(pid)
        how = outcome(status)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what its tests started
        os.set_blocking(read, False)
        if trial.number != PROOF and how == "failed" and (result := os.read(read, 8)):
            self._kills[trial.file][tests[int(result)]] += 1
        os.close(read)
        print(trial.number, how, file=self._tell)


class Once:
    """A plugin for pytest that runs some of the tests, in an order of its own, and ends the process."""

    def __init__(self, tests: list[str], seconds: dict[str, float]) -> None:
        self._tests, self._seconds = tests, seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Run the tests."""
        import_all()
        items = {item.nodeid: item for item in session.items}
        nothing = os.open(os.devnull, os.O_WRONLY)
        run(session, [items[test] for test in self._tests if test in items], self._seconds, nothing)


def run(session: pytest.Session, items: list[pytest.Item], seconds: dict[str, float], result: int) -> None:
    """Run tests and end this process: with 0 when all pass, else with 1, telling the number of the one that failed."""
    # A group for whoever ends what its tests started; not a session, which Linux would give a new priority of its own.
    os.setpgid(0, 0)
    to_nowhere()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    for number, item in enumerate(items):
        usual = seconds.get(item.nodeid, 0.1)
        # Either ends the process: a mutant may compute or wait for ever.
        signal.setitimer(signal.ITIMER_PROF, 5 + 10 * usual)
        signal.alarm(300 + int(20 * usual))
        following = items[number + 1] if number + 1 < len(items) else None
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            os.write(result, str(number).encode())
            os._exit(1)
    os._exit(0)


def to_nowhere() -> None:
    """Drop what this process prints."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def outcome(status: int) -> str:
    """Return what became of a mutant, from the status of the process that ran the tests."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM):
        return "too slow"
    return "alive" if status == 0 else "failed"


def _changes(trial: Trial, functions: list[FunctionType]) -> list[tuple[FunctionType, CodeType]]:
    """Return the functions in memory that the mutant changes, each with its new code; none when it cannot be done."""
    before, after = (
        dict(_codes(compile(text, str(trial.file), "exec", dont_inherit=True))) for text in (trial.before, trial.after)
    )
    changed = [(old, after[name]) for name, old in before.items() if name in after and after[name] != old]
    found = [(function, new) for old, new in changed for function in functions if function.__code__ == old]
    if any(len(function.__code__.co_freevars) != len(new.co_freevars) for function, new in found):
        return []
    return found


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """Yield the code of all functions of a module, each with its name and number among those of this name."""
    seen: Counter[str] = Counter()
    rest = [code]
    while rest:
        inner = [const for const in rest.pop(0).co_consts if isinstance(const, CodeType)]
        for found in inner:
            seen[found.co_qualname] += 1
            yield (found.co_qualname, seen[found.co_qualname]), found
        rest += inner
