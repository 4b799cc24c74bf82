"""A plugin for pytest: coverage notes for every line which tests have run it, their fixtures included."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

_seconds: dict[str, float] = {}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name what runs from here on by its test."""
    current = coverage.Coverage.current()
    assert current is not None
    current.switch_context(item.nodeid)
    yield
    current.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up how long a test takes."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Write how long every test took."""
    Path(os.environ["MUTATE_SECONDS"]).write_text(json.dumps(_seconds))
