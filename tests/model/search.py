"""An exhaustive search: every state that any order of steps can reach."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

S = TypeVar("S")


class Found(NamedTuple):
    """How many states there are, and the shortest way to a bad one; None if there is no bad one."""

    states: int
    way: list[str] | None


def search(start: S, steps: Callable[[S], Iterable[tuple[str, S]]], is_bad: Callable[[S], bool]) -> Found:
    """Follow all steps from a state, the nearest states first, until a bad one is found or nothing is left."""
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for name, reached in steps(state):
            if reached in came_from:
                continue
            came_from[reached] = (state, name)
            if is_bad(reached):
                return Found(len(came_from), _way(came_from, reached))
            queue.append(reached)
    return Found(len(came_from), None)


def _way(came_from: dict[S, tuple[S, str] | None], state: S) -> list[str]:
    names: list[str] = []
    while (step := came_from[state]) is not None:
        state, name = step
        names.append(name)
    return names[::-1]
