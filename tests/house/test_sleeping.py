"""No test sleeps: it turns a clock of its own, or waits until something is true."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SLEEPS = re.compile(r"\bsleep\((?!0\))|\bimport sleep\b")
ALLOWED = {
    "servers/waiting.py": "the one place where time is let pass, until something is true in another process",
    "store/test_frozen_postgres.py": "callers begin one after another, while one real time limit runs",
    "store/test_waiting_lookups.py": "callers begin one after another, while one real time limit runs",
}


def test_no_test_sleeps() -> None:
    found = {
        str(path.relative_to(TESTS)): line.strip()
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
        if SLEEPS.search(line)
    }
    assert {name: line for name, line in found.items() if name not in ALLOWED} == {}, "use tests.servers.waiting.until"
    assert set(ALLOWED) <= set(found), "no longer needed"
