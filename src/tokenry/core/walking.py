"""Walking through all pages of a list, for calls that wait and for calls that are awaited."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from .model import Page

G = TypeVar("G")
P = ParamSpec("P")
T = TypeVar("T")

_DOC = """Yield every item that `list` finds, page after page; it takes the same arguments.

`limit` is how many items are fetched at once, `cursor` where to begin. Items that are added or removed meanwhile may be
missed or seen; every other item is seen once.
"""


def walk(pages: Callable[..., Page[T]], *args: Any, **asked: Any) -> Iterator[T]:
    """Yield the items of all pages."""
    page = pages(*args, **asked)
    yield from page
    while page.next_cursor is not None:
        page = pages(*args, **{**asked, "cursor": page.next_cursor})
        yield from page


async def walk_awaited(pages: Callable[..., Awaitable[Page[T]]], *args: Any, **asked: Any) -> AsyncIterator[T]:
    """Yield the items of all pages, each of which is awaited."""
    page = await pages(*args, **asked)
    for item in page:
        yield item
    while page.next_cursor is not None:
        page = await pages(*args, **{**asked, "cursor": page.next_cursor})
        for item in page:
            yield item


class walked(Generic[P, T]):
    """The `iterate` of a group whose `list` returns pages."""

    def __init__(self, method: Callable[Concatenate[G, P], Page[T]]) -> None:
        self.__wrapped__ = method
        self.__doc__ = _DOC

    def __get__(self, group: Any, owner: type | None = None) -> Callable[P, Iterator[T]]:
        if group is None:
            return self  # type: ignore[return-value]
        call: Callable[P, Iterator[T]] = named(
            self.__wrapped__, lambda *args, **asked: walk(group.list, *args, **asked)
        )
        return call


class walked_awaited(Generic[P, T]):
    """The `iterate` of a group whose `list` is awaited."""

    def __init__(self, method: Callable[Concatenate[G, P], Page[T]]) -> None:
        self.__wrapped__ = method
        self.__doc__ = _DOC

    def __get__(self, group: Any, owner: type | None = None) -> Callable[P, AsyncIterator[T]]:
        if group is None:
            return self  # type: ignore[return-value]
        call: Callable[P, AsyncIterator[T]] = named(
            self.__wrapped__, lambda *args, **asked: walk_awaited(group.list, *args, **asked)
        )
        return call


def named(method: Callable[..., Any], call: Any) -> Any:
    """Return a call that is shown as `iterate`, with the arguments of a group's `list`."""
    signature = inspect.signature(method)
    _, *others = signature.parameters.values()
    call.__signature__ = signature.replace(parameters=others, return_annotation=inspect.Signature.empty)
    call.__name__, call.__qualname__, call.__doc__ = "iterate", "iterate", _DOC
    return call
