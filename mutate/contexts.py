"""A plugin for pytest: coverage notes for every line which tests have run it, their fixtures included."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from .places import import_all

AT_IMPORT = ""
"""What runs before the first test, in coverage's words."""
_BETWEEN = "between tests"

_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep one place for each test of the contract suite, in memory if it may: where rows lie is not mutated."""
    chosen: dict[str, pytest.Item] = {}
    for item in items:
        place = _place(item)
        name = item.nodeid.replace(place, "") if place else item.nodeid
        if name not in chosen or ("memory" in place and "memory" not in _place(chosen[name])):
            chosen[name] = item
    items[:] = chosen.values()


def _place(item: pytest.Item) -> str:
    found = getattr(item, "callspec", None)
    return str(found.params.get("installation", "")) if found else ""


def pytest_collection_finish() -> None:
    """End what counts as import: from here on functions run for a test, or between two."""
    import_all()
    _switch(_BETWEEN)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name what runs from here on by its test."""
    _switch(item.nodeid)
    yield
    _switch(_BETWEEN)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up how long a test takes, and note one that fails."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write how long every test took that has passed: one that fails anyway can kill nothing."""
    passed = {test: seconds for test, seconds in _seconds.items() if test not in _failed}
    Path(os.environ["MUTATE_SECONDS"]).write_text(json.dumps(passed))


def _switch(context: str) -> None:
    current = coverage.Coverage.current()
    assert current is not None
    current.switch_context(context)
