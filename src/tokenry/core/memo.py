"""A cache for values that somebody else chose: a bounded number of bytes, and no large values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sized
from contextlib import suppress
from functools import wraps
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES: Final = 200
"""The bytes of an entry beside its texts: its place in the dictionary, and the objects around the texts."""

KIB: Final = 1024
MIB: Final = 1024 * KIB


class Memo(Generic[K, V]):
    """Values by key, together at most `bytes_max`. A value of more than `each_max` is not kept; None is no value.

    `size` estimates the bytes of a key and its value. There are two halves: when the young one is full, it becomes the
    old one, whose entries are forgotten unless somebody asks for them. So a use costs one look into a dictionary.
    Forgotten entries are freed bit by bit, as new entries come: thousands of objects at once would take milliseconds.
    There is no lock: threads that put at the same moment may miscount by an entry until the halves change.
    """

    __slots__ = ("_dropped", "_each_max", "_half", "_old", "_size", "_taken", "_young")

    def __init__(self, size: Callable[[K, V], int], *, bytes_max: int = MIB, each_max: int = 4 * KIB) -> None:
        self._size = size
        self._half = bytes_max // 2
        self._each_max = min(each_max, self._half)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._dropped: list[dict[K, V]] = []
        self._taken = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is left, not even what is still to be freed."""
        return not (self._young or self._old or any(self._dropped))

    @property
    def is_full(self) -> bool:
        """Tell whether something was forgotten already to make room, or soon will be."""
        return bool(self._old)

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None."""
        found = self._young.get(key)
        return found if found is not None or not self._old else self._again(key)

    def put(self, key: K, value: V) -> V:
        """Keep a value unless it is large, and return it."""
        size = ENTRY_BYTES + self._size(key, value)
        if size <= self._each_max:
            if self._taken + size > self._half:
                self.age()
            if self._dropped:
                self._free(size)
            self._young[key] = value
            self._taken += size
        return value

    def age(self) -> None:
        """Forget what was not asked for since the last time."""
        self._dropped = [part for part in (*self._dropped, self._old) if part]
        self._old, self._young, self._taken = self._young, {}, 0

    def free(self, count: int) -> bool:
        """Free so many entries of what was forgotten; return whether more of it is left."""
        with suppress(LookupError):  # there is no more
            for _ in range(count):
                self._free_one()
        return any(self._dropped)

    def _free(self, size: int) -> None:
        """Free as much of what was forgotten as a new entry takes."""
        with suppress(LookupError):  # there is no more
            while size > 0:
                size -= ENTRY_BYTES + self._size(*self._free_one())

    def _free_one(self) -> tuple[K, V]:
        while not self._dropped[-1]:
            self._dropped.pop()
        return self._dropped[-1].popitem()

    def _again(self, key: K) -> V | None:
        found = self._old.get(key)
        return None if found is None else self.put(key, found)

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())


def remembering(
    size: Callable[[Any, Any], int], *, bytes_max: int = MIB, each_max: int = 4 * KIB
) -> Callable[[Callable[[K], V]], Callable[[K], V]]:
    """Let a pure function of one value remember its answers."""

    def decorate(make: Callable[[K], V]) -> Callable[[K], V]:
        memo: Memo[K, V] = Memo(size, bytes_max=bytes_max, each_max=each_max)
        get, put = memo.get, memo.put

        @wraps(make)
        def answer(key: K) -> V:
            found = get(key)
            return found if found is not None else put(key, make(key))

        return answer

    return decorate


def length(key: Sized, value: Any) -> int:
    """Return the size of a short text whose value is about as large."""
    return 2 * len(key)
