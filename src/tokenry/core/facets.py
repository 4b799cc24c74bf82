"""What there is to filter a list of keys by, and how many keys have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

VALUES_MAX: Final = 50
"""So many values of a facet are told at most, the most frequent first."""


@dataclass(frozen=True, slots=True)
class FacetCount:
    """One value of a facet, and how many keys have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacets:
    """How many keys have each status, environment, owner and tag; the most frequent values first, 50 at most.

    The newest `counted_count` keys were counted. `is_complete` is False when there may be older ones.
    """

    counted_count: int
    is_complete: bool
    statuses: tuple[FacetCount, ...]
    environments: tuple[FacetCount, ...]
    owners: tuple[FacetCount, ...]
    tags: tuple[FacetCount, ...]


NO_FACETS: Final = KeyFacets(counted_count=0, is_complete=True, statuses=(), environments=(), owners=(), tags=())
