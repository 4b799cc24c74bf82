"""Which keys of a tenant a list or a bulk call means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, NamedTuple


def _member(column: str) -> Any:
    """Return a filter that matches keys whose list in `column` has a given member."""
    return field(default=None, metadata={"list": column})


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys of a tenant; None means any."""

    owner_id: str | None = None
    status: str | None = None
    environment: str | None = None
    text: str | None = None
    scope: str | None = _member("scopes")
    tag: str | None = _member("tags")
    expires_before: datetime | None = None
    last_used_before: datetime | None = None
    ids: tuple[str, ...] | None = None


MEMBERS: Final[Mapping[str, str]] = {
    one.name: one.metadata["list"] for one in fields(KeyFilter) if "list" in one.metadata
}
"""The filters that match a member of a list, each with the list that it searches."""

KEY_FILTERS: Final = ("owner", "status", "environment", "text", *MEMBERS, "expiring_within", "last_used_before")
"""The names of the filters as callers pass them to `keys.list` and `keys.revoke_where`."""

SORTS: Final = tuple(sign + name for name in ("created", "expires", "last_used", "name") for sign in ("", "-"))
"""The orders of a list of keys. A minus turns an order round."""

NEWEST_FIRST: Final = "-created"


class KeySort(NamedTuple):
    """An order of keys: by what, and in which direction."""

    by: str
    descending: bool


class KeyPlace(NamedTuple):
    """A place in such an order: the value of a key that the order goes by, and its id."""

    value: int | str | None
    id: str


def read_sort(text: str) -> KeySort:
    """Return the order that one of `SORTS` names."""
    return KeySort(text.removeprefix("-"), text.startswith("-"))
