"""The result of handing over the keys of an owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SKIPPED_MAX: Final = 1000
"""So many skipped keys are returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedKey:
    """A key that stays with its owner: `code` and `message` are those of the error that `keys.hand_over` raises."""

    key: str
    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerHandOver:
    """How many keys of `owner` now belong to `to` (in a dry run: would), and how many stay, with the first 1,000.

    `next_cursor` is None when no key is left.
    """

    owner: str
    to: str
    dry_run: bool
    handed_count: int
    skipped_count: int
    skipped: tuple[SkippedKey, ...]
    next_cursor: str | None = None
