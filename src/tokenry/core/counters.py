"""The rows that limits are counted in: the units that a process leases, and those that it gives back.

A row belongs to a holder and the name of a limit. When the length of its windows changes, the row goes over to the new
length and keeps what was taken, as long as the window it was taken in reaches into the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from .limits import SECOND, CountedLimit, LimitOf, carries

SUBJECT: Final = "sub_"
"""How the holder of a subject's counters begins."""


@dataclass(frozen=True, slots=True)
class Want:
    """A wish for units of one limit in one window.

    It is for `need` units or none. If so many are left it may bring up to `share`, which the process may spend later. A
    negative `need` gives units back. The holder is the key, owner or tenant that has the limit.
    """

    tenant_id: str
    holder_id: str
    limit: CountedLimit
    window: int
    need: int
    share: int = 0

    @property
    def place(self) -> Place:
        """Where the limit is counted. Processes lock rows in this order, so that no two wait for each other."""
        return (self.tenant_id, self.holder_id, self.limit.name)


class Subject:
    """Something that is no key and has limits, as a grant has them. Its id is a hash that a guess can be checked by."""

    __slots__ = ("counters", "id", "limits", "tenant_id")

    def __init__(self, tenant_id: str, name: str, subject: str, limits: tuple[CountedLimit, ...]) -> None:
        self.tenant_id = tenant_id
        self.id = SUBJECT + hashlib.blake2b("\0".join((tenant_id, name, subject)).encode(), digest_size=20).hexdigest()
        self.limits = limits
        self.counters: Any = None

    def holder(self, of: LimitOf) -> tuple[str, tuple[int, ...]]:
        """Return the id that the limits are counted under, and no version: the latest call says how large they are."""
        return self.id, ()


def ends_at(place: Place, count: Count) -> int | None:
    """Return when the window of a subject ends, in microseconds; None for a holder that has a row of its own."""
    return (count.window + 1) * count.window_seconds * SECOND if place[1].startswith(SUBJECT) else None


class Share(NamedTuple):
    """The answer to a wish: units of a window, and how many the store has left after them."""

    window: int
    units: int
    left: int


@dataclass(slots=True)
class Count:
    """One row: how much was taken in its newest window."""

    window_seconds: int
    window: int
    taken: int


Place: TypeAlias = tuple[str, str, str]
Counts: TypeAlias = MutableMapping[Place, Count]


def lease(counts: Counts, wants: Iterable[Want]) -> list[Share]:
    """Take from the rows what is wished for, one wish after the other; return what each of them gets.

    Of wishes for the same limit the first brings a share. The others need what is left of it, and only then more.
    """
    spare: dict[Place, int] = {}
    return [_lease_one(counts, want, spare) for want in wants]


def _lease_one(counts: Counts, want: Want, spare: dict[Place, int]) -> Share:
    if want.need < 0:
        give_back(counts, want, -want.need)
        return Share(want.window, 0, 0)
    count = _begun(counts, want)
    left = max(0, want.limit.limit - count.taken)
    units = 0
    if spare.get(want.place, 0) >= want.need:
        spare[want.place] = spare.get(want.place, 0) - want.need
    elif left >= want.need:
        units = share_of(left, want.need, want.share)
        spare[want.place] = units - want.need
    count.taken += units
    return Share(count.window, units, left - units)


def _begun(counts: Counts, want: Want) -> Count:
    """Return the row of a wish, in the window of the wish unless the row is in a later one."""
    seconds, found = want.limit.window_seconds, counts.get(want.place)
    if found is None:
        found = counts[want.place] = Count(seconds, want.window, 0)
    elif found.window_seconds != seconds or found.window < want.window:
        goes_on = found.window_seconds != seconds and counts_in(found, want)
        found.window_seconds, found.window, found.taken = seconds, want.window, found.taken if goes_on else 0
    return found


def counts_in(count: Count, want: Want) -> bool:
    """Tell whether what was taken counts in the window of a wish."""
    return carries(count.window_seconds, count.window, want.limit, want.window)


def give_back(counts: Counts, want: Want, units: int) -> None:
    """Return unspent units to a window that is still running."""
    count = counts.get(want.place)
    if count is None or (count.window_seconds, count.window) != (want.limit.window_seconds, want.window):
        return
    if count.taken >= units:
        count.taken -= units


def share_of(left: int, need: int, share: int) -> int:
    """Return how many units to lease at once.

    It is an eighth of what is left at most: shares shrink to single units as a window fills up, so that nearly all of
    it is usable however many processes share it.
    """
    return min(left, max(need, min(share, left // 8)))
