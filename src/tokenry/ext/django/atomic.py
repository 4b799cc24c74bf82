"""Requests in one transaction of Django (`ATOMIC_REQUESTS`): credentials are checked before the transaction begins.

SQLite has one writer. After a write in the transaction, the engine's own connection would wait for the request, and
the request for the engine.
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
    """The databases on which Django must not begin a transaction: the project's choice, and ours if we begin one."""

    def __contains__(self, name: object) -> bool:
        return name == alias() or super().__contains__(name)

    def is_non_atomic(self, name: str) -> bool:
        """Return whether the project excluded this view with `transaction.non_atomic_requests`."""
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
    """Return the engine; inside Django's transaction on SQLite, an engine whose sessions join that transaction."""
    tk, using = get_tokenry(), alias()
    if using is None or connections[using].vendor != "sqlite" or not connections[using].in_atomic_block:
        yield tk
        return
    with tk.using(connections[using]) as joined:
        yield SimpleNamespace(verify=tk.verify, owners=joined.owners, sessions=joined.sessions)
