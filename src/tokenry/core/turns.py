"""Turns: changes after which a process may remember what is no longer true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Turn(NamedTuple):
    """A change that may turn verdicts. On SQLite it is where the fence counter stands now, and stood `before`."""

    id: int
    before: int | None = None


class Heard(NamedTuple):
    """The news about turns that a process gets on PostgreSQL."""

    turns: frozenset[int]
    news: Mapping[int, Sequence[str] | None]
    """The kids of those turns that are new to the process; None is all."""
    server: str
    """When the server was started."""
    nodes: int
    """How many processes listen."""


class FenceState(NamedTuple):
    """How well a process hears of changes by others."""

    lag_seconds: float
    """How long ago it asked for them."""
    distrusting: bool
    """It does not trust its memory, and asks the database."""
    turns: int
    """How many changes it has heard of."""
    evictions: int
    """How often it was counted out, since it did not answer."""
