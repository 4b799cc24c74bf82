"""A plugin for pytest: coverage notes for every line which tests have run it, their fixtures included."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name what runs from here on by its test."""
    current = coverage.Coverage.current()
    assert current is not None
    current.switch_context(item.nodeid)
    yield
    current.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up how long a test takes, and note one that fails."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write how long every test took that has passed: one that fails anyway can kill nothing."""
    passed = {test: seconds for test, seconds in _seconds.items() if test not in _failed}
    Path(os.environ["MUTATE_SECONDS"]).write_text(json.dumps(passed))
