"""The bridge from a synchronous call to its asynchronous twin: the same parameters, the same answer, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

G = TypeVar("G")
P = ParamSpec("P")
R = TypeVar("R")


class awaited(Generic[P, R]):
    """The asynchronous twin of a method: the same parameters, the same answer, awaited."""

    def __init__(self, method: Callable[Concatenate[G, P], R]) -> None:
        self._name = method.__name__
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[P, Awaitable[R]]:
        if instance is None:
            return self  # type: ignore[return-value]
        method, run = getattr(instance._sync, self._name), instance._run

        def call(*args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
            answer: Awaitable[R] = run(method, *args, **kwargs)
            return answer

        return wraps(method)(call)
