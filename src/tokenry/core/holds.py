"""Holds as `reserve` returns them: they can be settled and released."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any, TypeVar

from .credits import Hold

H = TypeVar("H", bound=Hold)


class HeldCredits(Hold):
    """A `Hold` that you settle or release."""

    __slots__ = ("_end",)
    _end: Callable[[int], Hold]

    def settle(self, amount: int) -> Hold:
        """Charge so many of the credits, from 0 to all, and free the rest. A repeat with the same amount is fine.

        Raise Conflict when the hold has ended otherwise, by its time above all.
        """
        return self._end(amount)

    def release(self) -> Hold:
        """Free all of the credits."""
        return self._end(0)


class AsyncHeldCredits(Hold):
    """`HeldCredits`, awaited."""

    __slots__ = ("_end",)
    _end: Callable[[int], Awaitable[Hold]]

    async def settle(self, amount: int) -> Hold:
        """Charge so many of the credits, from 0 to all, and free the rest. A repeat with the same amount is fine.

        Raise Conflict when the hold has ended otherwise, by its time above all.
        """
        return await self._end(amount)

    async def release(self) -> Hold:
        """Free all of the credits."""
        return await self._end(0)


def held(kind: type[H], hold: Hold, end: Callable[[int], Any]) -> H:
    """Return a hold as one that `end` charges, the rest of it freed."""
    made = kind(**{one.name: getattr(hold, one.name) for one in fields(hold)})
    object.__setattr__(made, "_end", end)
    return made
