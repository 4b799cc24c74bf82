"""How many failures an address may have before it learns nothing more about them.

The throttle only changes the code of a failure: a valid credential from the same address still succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from tokenry.core.addresses import read
from tokenry.core.errors import Invalid
from tokenry.core.verdict import Refused, Verdict

_GUESSES = ("malformed", "not_found")
_SECOND = 1_000_000
_IPV6_NETWORK = 64  # the low bits, which whoever has one address has all of

V = TypeVar("V", bound=Verdict)
_Place: TypeAlias = tuple[str, tuple[int, int] | None]


class Throttle:
    """At most `most` evaluated failures per address (IPv6: per /64) in a window that begins with the first of them.

    Of `entries` addresses at most; beyond that the ones that were quiet for longest are forgotten, half at a time.
    """

    def __init__(self, now: Callable[[], int], *, most: int = 100, seconds: int = 900, entries: int = 65_536) -> None:
        self._now = now
        self._most = most
        self._span = seconds * _SECOND
        self._half = max(1, entries // 2)
        self._young: dict[_Place, tuple[int, int]] = {}
        self._old: dict[_Place, tuple[int, int]] = {}
        self._dropped: dict[_Place, tuple[int, int]] = {}
        """Forgotten entries, freed one by one: freeing all at once would stop the event loop for milliseconds."""

    def apply(self, verdict: V, ip: str | None, of: str = "") -> V | Refused:
        """Count a verdict that may be that of a guess; return `throttled` in its place for an address with too many."""
        if verdict.code in _GUESSES:
            wait = self.failed(ip, of)
            if wait is not None:
                return Refused("throttled", wait)
        return verdict

    def failed(self, ip: str | None, of: str = "") -> int | None:
        """Count a failure of an address; return None, or for how many seconds its failures are `throttled`.

        Addresses that are unknown are counted together, and those `of` different tellers apart.
        """
        place, now = (of, network(ip)), self._now()
        count, began = self._young.get(place) or self._old.pop(place, (0, now))
        if not 0 <= now - began < self._span:
            count, began = 0, now
        if count >= self._most:
            wait: int | None = -((now - began - self._span) // _SECOND)
        else:
            count, wait = count + 1, None
        if len(self._young) >= self._half and place not in self._young:
            self._dropped, self._old, self._young = self._old, self._young, {}
        self._young[place] = (count, began)
        if self._dropped:
            self._dropped.popitem()
        return wait

    def wait(self, ip: str | None, of: str = "") -> int | None:
        """Return for how many seconds failures of an address are `throttled`, counting none."""
        place, now = (of, network(ip)), self._now()
        count, began = self._young.get(place) or self._old.get(place) or (0, now)
        is_out = count >= self._most and 0 <= now - began < self._span
        return -((now - began - self._span) // _SECOND) if is_out else None

    def count(self, ip: str | None, of: str = "") -> int:
        """Return how many failures of an address were counted in its window."""
        place = (of, network(ip))
        count, began = self._young.get(place) or self._old.get(place) or (0, 0)
        return count if 0 <= self._now() - began < self._span else 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


def network(ip: str | None) -> tuple[int, int] | None:
    """Return the network that all addresses of a caller share: an IPv4 address, or the /64 of an IPv6 address."""
    if ip is None:
        return None
    try:
        version, number = read(ip)
    except Invalid:
        return None
    return (version, number) if version == 4 else (version, number >> _IPV6_NETWORK)
