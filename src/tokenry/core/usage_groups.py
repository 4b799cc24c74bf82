"""Usage of many keys at once, added up by what somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

GROUPS: Final = ("key", "owner", "code", "day", "hour")
"""The fields that usage can be added up by."""

GROUPS_MAX: Final = 5000
KEYS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageGroup:
    """How often keys were answered. Fields outside `group_by` are None; `at` is the beginning of a day or hour."""

    key: str | None = None
    owner: str | None = None
    code: str | None = None
    at: datetime | None = None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSummary:
    """Usage that was added up, the oldest first and then the most; the largest groups if there are too many.

    `counted_since` is None when all requested usage was counted. Else there was more usage than one call looks at, and
    usage older than that moment is missing.
    """

    groups: tuple[UsageGroup, ...]
    counted_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAsked:
    """Which usage of a tenant is added up. Times are microseconds; `owner_id` and `keys` narrow it."""

    group_by: tuple[str, ...]
    since: int
    until: int
    keys: tuple[str, ...] | None
    owner_id: str | None
    limit: int
