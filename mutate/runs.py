"""A copy of the tree, in which tests are run against one mutant after another."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import coverage

from .contexts import AT_IMPORT
from .mutants import Mutant
from .places import PLACES, ROOT
from .warm import JOBS, PROOF, Once, Trial, Warm, outcome, to_nowhere

TESTS = ("core", "service", "runtime", "contract", "api/lane", "api/oauth", "api/management")
"""What runs within one process. Tests that start a server of their own see nothing of a mutant in time."""
TESTS_MAX = 150
"""So many tests are tried on a mutant at most, quick ones first. What only others would kill counts as alive."""
_QUIET = ("-q", "-x", "-s", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist")
_LEFT_OUT = (".git", ".venv*", ".hypothesis", "*_cache", "__pycache__", "node_modules", "tokenry-data")
# What tests import, and no part of the tree: it is loaded once, and every run is forked off.
_LOADED = (
    "pytest",
    "hypothesis",
    "sqlalchemy",
    "psycopg",
    "fastapi.testclient",
    "msgspec",
    "joserfc.jwk",
    "uvicorn",
    "schemathesis.pytest.plugin",
    "anyio.pytest_plugin",
    "httpx2",
    "psutil",
    "alembic.command",
)


class Tree:
    """A copy of the tree, and which tests run which lines of it."""

    def __init__(self, places: Sequence[str]) -> None:
        memory = Path("/dev/shm")  # tests wait for the disk most of the time
        self._directory = tempfile.TemporaryDirectory(prefix="tokenry-mutate-", dir=memory if memory.is_dir() else None)
        self.path = Path(self._directory.name) / "tree"
        shutil.copytree(ROOT, self.path, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        self._places = [f"tests/{name}" for name in places]
        self._seconds: dict[str, float] = {}
        self._lines: dict[str, dict[int, set[str]]] = {}
        os.environ |= {"PYTHONPATH": f"{self.path / 'src'}:{self.path}", "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ["TMPDIR"] = self._directory.name
        os.environ["TOKENRY_TEST_STORES"] = "sqlite"  # no statement of SQL is mutated

    def learn(self) -> None:
        """Run the tests once, in JOBS processes, and note which lines each of them runs."""
        (self.path / "coveragerc").write_text(
            f"[run]\nsource = {','.join(f'src/tokenry/{place}' for place in PLACES)}\n"
        )
        paths = {path for place in self._places for path in _test_files(self.path / place)}
        files = sorted(str(path.relative_to(self.path)) for path in paths)
        runs = [self._learning(number, files[number::JOBS]) for number in range(min(JOBS, len(files)))]
        for number, run in enumerate(runs):
            if run.wait():
                print("tests that fail without any mutant are left out", flush=True)
            result = self.path / f"seconds.{number}"
            if not result.exists():
                raise SystemExit("the run of the tests was ended before it was over")
            self._seconds |= json.loads(result.read_text())
            found = coverage.CoverageData(str(self.path / f"coverage.{number}"))
            found.read()
            for file in found.measured_files():
                lines = self._lines.setdefault(os.path.relpath(file, self.path), {})
                for line, tests in found.contexts_by_lineno(file).items():
                    lines.setdefault(line, set()).update(tests)

    def _learning(self, number: int, files: list[str]) -> subprocess.Popen[bytes]:
        environment = {"COVERAGE_FILE": f"coverage.{number}", "MUTATE_SECONDS": f"seconds.{number}"}
        run = [sys.executable, "-m", "coverage", "run", "--rcfile=coveragerc", "-m", "pytest", "-q"]
        return subprocess.Popen([*run, "-p", "mutate.contexts", *files], cwd=self.path, env=os.environ | environment)

    def outcomes(self, mutants: Sequence[tuple[Path, Mutant]]) -> Iterator[tuple[int, str]]:
        """Yield the number of each mutant and what became of it.

        It is "failed" or "too slow" when it is killed, else "alive", or "no test".
        """
        warm, cold = [], []
        for number, (file, one) in enumerate(mutants):
            name = str(file.relative_to(ROOT))
            source = (self.path / name).read_bytes()
            last = one.line + one.was.count("\n")
            tests = self._tests_of(name, one.line, last)
            trial = Trial(number, self.path / name, source, one.apply(source), partial(_ordered, tests))
            lines = self._lines.get(name, {})
            if not tests:
                yield number, "no test"
            elif any(AT_IMPORT in lines.get(line, ()) for line in range(one.line, last + 1)):
                cold.append(trial)
            else:
                warm.append(trial)
        for number, how in self._warm(warm):
            if how == "cold":
                cold += [trial for trial in warm if trial.number == number]
            else:
                yield number, how
        for trial in cold:
            yield trial.number, self._cold(trial)

    def _warm(self, trials: list[Trial]) -> Iterator[tuple[int, str]]:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._pytest([Warm(trials, self._seconds, os.fdopen(write, "w", buffering=1))], self._places)
        os.close(write)
        result = 0
        with os.fdopen(read) as lines:
            if lines.readline() != f"{PROOF} alive\n":
                raise SystemExit("tests that pass together fail alone: every mutant would count as killed")
            while result < len(trials) and (line := lines.readline()):
                number, _, how = line.strip().partition(" ")
                result += 1
                yield int(number), how
        os.waitpid(pid, 0)
        if result < len(trials):
            raise SystemExit("the process that tries the mutants has ended early")

    def _cold(self, trial: Trial) -> str:
        """Return how tests fail on a mutant that is imported anew."""
        tests = trial.tests(Counter())
        trial.file.write_bytes(trial.after)
        pid = os.fork()
        if pid == 0:
            to_nowhere()
            signal.alarm(300)  # a mutant may go on for ever at import, too
            self._pytest([Once(tests, self._seconds)], sorted({test.partition("::")[0] for test in tests}))
        _, status = os.waitpid(pid, 0)
        trial.file.write_bytes(trial.before)
        return outcome(status)

    def _pytest(self, plugins: list[object], arguments: list[str]) -> None:
        code = 3
        try:
            os.chdir(self.path)
            sys.path[:0] = [str(self.path / "src"), str(self.path)]
            import pytest

            code = pytest.main(
                [*_QUIET, "-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments], plugins=plugins
            )
        finally:
            os._exit(int(code))

    def _tests_of(self, file: str, first: int, last: int) -> list[str]:
        """Return the tests that run some lines of a file; of what runs at import, all of the file."""
        lines = self._lines.get(file, {})
        while first > 1 and not any(line in lines for line in range(first, last + 1)):
            first -= 1  # within a statement of several lines, not every line is noted
        found = {test for line in range(first, last + 1) for test in lines.get(line, ()) if test in self._seconds}
        if any(AT_IMPORT in lines.get(line, ()) for line in range(first, last + 1)):
            found = {test for tests in lines.values() for test in tests if test in self._seconds}
        turns: Counter[str] = Counter()
        ordered = []
        for test in sorted(found, key=lambda test: (self._seconds[test], test)):
            place = test.partition("::")[0]
            turns[place] += 1  # the quickest of each file, then the second of each: quick ones alone are all alike
            ordered.append((not _is_near(place, file), turns[place], self._seconds[test], test))
        return [test for *_, test in sorted(ordered)]


def load() -> None:
    """Import what every run needs, but nothing of the tree."""
    for name in _LOADED:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in ("tokenry", "tests")]
    assert not ours, f"a mutant would never be seen: {ours} are loaded already"


def _test_files(place: Path) -> list[Path]:
    return [place] if place.is_file() else list(place.rglob("test_*.py"))


def _is_near(place: str, file: str) -> bool:
    """Tell whether tests are about a file, or at least about rules and use cases rather than about a face."""
    return place.startswith(("tests/core", "tests/service", "tests/runtime")) or Path(file).stem in place


def _ordered(tests: list[str], kills: Counter[str]) -> list[str]:
    """Return the tests to try: those first that have killed other mutants of the file."""
    return sorted(tests, key=lambda test: -kills[test])[:TESTS_MAX]
