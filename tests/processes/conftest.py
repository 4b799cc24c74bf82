"""Tests in this room race for real: threads switch often, and other processes are real ones."""

import sys
from collections.abc import Iterator

import pytest

from tests.processes.places import crew, file_place, place, postgres_place

__all__ = ["crew", "file_place", "place", "postgres_place", "switching_often"]


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    """Let threads take turns fifty times as often as usual, so that a race has many chances to go wrong."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(before)
