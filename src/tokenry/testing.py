"""For tests of applications that use Tokenry: a clock to turn, a throw-away instance, and pytest fixtures of both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .tokenry import Tokenry


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time on this clock."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Turn the clock forward (or back, with a negative length)."""
        self._now += by

    def set(self, at: datetime) -> None:
        """Set the clock to an aware moment."""
        self._now = at


def throwaway(database_url: str | None = None, clock: FakeClock | None = None) -> Tokenry:
    """Return an instance that leaves nothing behind: in memory, or on a database that the caller throws away.

    Close it, or use it in a `with` block.
    """
    from .config import Settings, fresh_keyring
    from .tokenry import Tokenry

    url = database_url or "sqlite://"
    return Tokenry(url, keyring=fresh_keyring(), settings=Settings(), clock=clock)


@pytest.fixture
def tokenry_clock() -> FakeClock:
    """A clock that the `tokenry` fixture goes by."""
    return FakeClock()


@pytest.fixture
def tokenry(tokenry_clock: FakeClock) -> Iterator[Tokenry]:
    """An instance in memory, on the fake clock of this test."""
    with throwaway(clock=tokenry_clock) as instance:
        yield instance
