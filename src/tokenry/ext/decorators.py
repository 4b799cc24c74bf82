"""`key_required`, `session_required` and `credential_required` for views, in every framework that has decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, Unpack, overload

from tokenry.types import Kind, ScopesAsked

from .guard import ALL, KEYS, SESSIONS, Asked, Demand

F = TypeVar("F", bound=Callable[..., Any])


class Decorate(Protocol):
    """A decorator that keeps the type of a view."""

    def __call__(self, view: F, /) -> F: ...


class Decorators:
    """The decorators. With or without parentheses; the keywords are those of `verify`."""

    @overload
    def key_required(self, scopes: F, /) -> F: ...
    @overload
    def key_required(self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]) -> Decorate: ...
    def key_required(self, scopes: Any = None, **asked: Unpack[Asked]) -> Any:
        """Let in callers with a key, or with a token derived from one, that holds these scopes."""
        return self._required(scopes, KEYS, asked)

    @overload
    def session_required(self, scopes: F, /) -> F: ...
    @overload
    def session_required(self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]) -> Decorate: ...
    def session_required(self, scopes: Any = None, **asked: Unpack[Asked]) -> Any:
        """Let in users who are signed in."""
        return self._required(scopes, SESSIONS, asked)

    @overload
    def credential_required(self, scopes: F, /) -> F: ...
    @overload
    def credential_required(
        self, scopes: ScopesAsked | None = None, *, optional: bool = False, **asked: Unpack[Asked]
    ) -> Decorate: ...
    def credential_required(self, scopes: Any = None, *, optional: bool = False, **asked: Unpack[Asked]) -> Any:
        """Let in callers with a key and users who are signed in.

        With `optional` a request without a credential is let in, too; never one with a bad credential.
        """
        return self._required(scopes, ALL, asked, optional)

    def _required(self, scopes: Any, kinds: tuple[Kind, ...], asked: Asked, optional: bool = False) -> Any:
        if callable(scopes):  # the decorator without parentheses
            return self._guarded(scopes, Demand(None, kinds, asked), optional)
        demand = Demand(scopes, kinds, asked)
        return lambda view: self._guarded(view, demand, optional)

    def _guarded(self, view: Any, demand: Demand, optional: bool) -> Any:
        raise NotImplementedError
