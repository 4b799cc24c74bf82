"""Faults: short counts in every run, long ones with TOKENRY_CHAOS=1 (`make chaos`)."""

from collections.abc import Iterator

import pytest

from tests.chaos.nursery import Nursery
from tests.processes.places import crew, file_place, place, postgres_place

__all__ = ["crew", "file_place", "nursery", "place", "postgres_place"]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    yield opened
    opened.end()
