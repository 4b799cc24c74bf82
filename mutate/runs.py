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
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[1]
TESTS = ("core", "service", "runtime", "contract", "api/lane", "api/oauth")
"""What runs within one process. Tests that start a server of their own see nothing of a mutant in time."""
TESTS_MAX = 150
"""So many tests are tried on a mutant at most, the quick ones first. What only others would kill counts as alive."""
_QUIET = (
    "-q",
    "-x",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
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

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="tokenry-mutate-")
        self.path = Path(self._directory.name) / "tree"
        shutil.copytree(ROOT, self.path, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        self.seconds: dict[str, float] = {}
        self._lines: dict[str, dict[int, list[str]]] = {}
        os.environ |= {"PYTHONPATH": f"{self.path / 'src'}:{self.path}", "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ["TOKENRY_TEST_STORES"] = "sqlite"  # no statement of SQL is mutated

    def learn(self, places: Sequence[str]) -> None:
        """Run the tests of some places once, and note which lines each of them runs."""
        data, told = self.path / "coverage", self.path / "seconds"
        os.environ |= {"COVERAGE_FILE": str(data), "MUTATE_SECONDS": str(told)}
        (self.path / "coveragerc").write_text("[run]\nsource_pkgs = tokenry\n")
        run = [sys.executable, "-m", "coverage", "run", "--rcfile=coveragerc", "-m", "pytest", "-q"]
        done = subprocess.run(
            [*run, "-p", "mutate.contexts", *(f"tests/{name}" for name in places)], cwd=self.path, check=False
        )
        if not told.exists():
            raise SystemExit("the run of the tests was ended before it was over")
        if done.returncode:
            print("tests that fail without any mutant are left out", flush=True)
        self.seconds = json.loads(told.read_text())
        found = coverage.CoverageData(str(data))
        found.read()
        for file in found.measured_files():
            self._lines[os.path.relpath(file, self.path)] = found.contexts_by_lineno(file)
        if self.fails(sorted(self.seconds, key=self.seconds.__getitem__)[:TESTS_MAX]):
            raise SystemExit("tests that pass together fail alone: every mutant would count as killed")

    def tests_of(self, file: str, first: int, last: int) -> list[str]:
        """Return the tests that run some lines of a file, quick ones first; of what runs at import, all of the file."""
        lines = self._lines.get(file, {})
        found = {test for line in range(first, last + 1) for test in lines.get(line, ()) if test in self.seconds}
        if not found and any(line in lines for line in range(first, last + 1)):
            found = {test for tests in lines.values() for test in tests if test in self.seconds}
        return sorted(found, key=lambda test: (not _is_near(test), self.seconds.get(test, 0.0)))[:TESTS_MAX]

    def fails(self, tests: list[str]) -> str | None:
        """Return how tests fail on the tree as it is, "failed" or "too slow"; None when they pass."""
        until = time.monotonic() + 30 + 10 * sum(self.seconds.get(test, 0.1) for test in tests)
        pid = os.fork()
        if pid == 0:
            self._run(tests)
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return None if status == 0 else "failed"
            if time.monotonic() > until:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return "too slow"
            time.sleep(0.02)

    def _run(self, tests: list[str]) -> None:
        code = 3
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            os.chdir(self.path)
            sys.path[:0] = [str(self.path / "src"), str(self.path)]
            import pytest

            code = pytest.main([*_QUIET, *tests])
        finally:
            os._exit(int(code))


def load() -> None:
    """Import what every run needs, but nothing of the tree."""
    for name in _LOADED:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in ("tokenry", "tests")]
    assert not ours, f"a mutant would never be seen: {ours} are loaded already"


def _is_near(test: str) -> bool:
    return test.startswith(("tests/core", "tests/service", "tests/runtime"))
