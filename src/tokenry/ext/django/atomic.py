"""Requests that are one transaction of Django's (`ATOMIC_REQUESTS`), and what belongs before it or into it.

SQLite has one writer. Inside of a transaction that has written, the engine's own connection would wait for the request,
and the request for the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.db import connections, transaction

from .engine import alias, get_tokenry


class _BeforeIt(set[str]):
    """The databases whose transaction Django must not begin: what a project says, and ours, where we begin it."""

    def __contains__(self, name: object) -> bool:
        return name == alias() or super().__contains__(name)

    def is_non_atomic(self, name: str) -> bool:
        """Tell whether the project has said so, with `transaction.non_atomic_requests`."""
        return super().__contains__(name)


def begins_before(view: Callable[..., Any], guarded: Callable[..., Any]) -> Callable[..., Any]:
    """Let Django begin no transaction around `guarded`, and return `view` in the one that a request gets.

    So a credential is checked before the transaction begins. Asynchronous views stay as they are: Django refuses them.
    """
    if iscoroutinefunction(view):
        return view
    outside = begins_none(guarded, getattr(view, "_non_atomic_requests", ()))

    @wraps(view)
    def within(*args: Any, **kwargs: Any) -> Any:
        using = alias()
        if using is None or not connections.settings[using]["ATOMIC_REQUESTS"] or outside.is_non_atomic(using):
            return view(*args, **kwargs)
        with transaction.atomic(using=using):
            return view(*args, **kwargs)

    return within


def begins_none(view: Any, others: Iterable[str] = ()) -> _BeforeIt:
    """Let Django begin no transaction on our database around a view, nor on those of `others`."""
    found = view._non_atomic_requests = _BeforeIt(others)
    return found


@contextmanager
def taking_part() -> Iterator[Any]:
    """Give the engine; on SQLite, inside of Django's transaction, one whose sessions are part of that."""
    tk, using = get_tokenry(), alias()
    if using is None or connections[using].vendor != "sqlite" or not connections[using].in_atomic_block:
        yield tk
        return
    with tk.using(connections[using]) as joined:
        yield SimpleNamespace(verify=tk.verify, owners=joined.owners, sessions=joined.sessions)
