"""Work that many callers wait for at once. A caller that gives up takes nothing from the others."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def shared(of: Future[T]) -> Future[T]:
    """Return a future of one caller, which ends as another one does. Cancelling it leaves that one alone."""
    own: Future[T] = Future()

    def end(_: Future[T]) -> None:
        if not own.set_running_or_notify_cancel():
            return
        try:
            own.set_result(of.result())
        except BaseException as error:
            own.set_exception(error)

    of.add_done_callback(end)
    return own


def done(result: T) -> Future[T]:
    """Return a future that has ended."""
    future: Future[T] = Future()
    future.set_result(result)
    return future
