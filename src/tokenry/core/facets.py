"""The values to filter a list of keys by, and how many keys have each."""

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
    """How many keys have each status, environment, owner, tag, scope and role; the most frequent first, 50 at most.

    `scopes` are those that are granted to the keys themselves. `asked_scopes` are those of them that a verification
    of the key asked for within 90 days.

    The newest `counted_count` keys were counted. `is_complete` is False when there may be older ones.
    """

    counted_count: int
    is_complete: bool
    statuses: tuple[FacetCount, ...]
    environments: tuple[FacetCount, ...]
    owners: tuple[FacetCount, ...]
    tags: tuple[FacetCount, ...]
    scopes: tuple[FacetCount, ...]
    roles: tuple[FacetCount, ...]
    asked_scopes: tuple[FacetCount, ...]


NO_FACETS: Final = KeyFacets(
    counted_count=0,
    is_complete=True,
    statuses=(),
    environments=(),
    owners=(),
    tags=(),
    scopes=(),
    roles=(),
    asked_scopes=(),
)
