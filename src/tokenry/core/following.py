"""Following events, for synchronous and for asynchronous callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from .errors import Invalid
from .model import Event, Page

WAIT_MAX: Final = timedelta(minutes=1)
_WAIT: Final = timedelta(seconds=30)

_Steps: TypeAlias = Generator[tuple[str, dict[str, Any]] | Event, Any, None]


def _steps(after: int | None, types: Sequence[str] | None, idle: timedelta | None, where: Mapping[str, Any]) -> _Steps:
    """Yield events, and between them the calls to make; the caller sends the result of each call back."""
    last: int = (yield "latest", dict(where)) if after is None else after
    quiet, cursor, is_behind = timedelta(0), None, False
    while True:
        # An empty page for some types means that nothing up to `seen` matches, so the next page starts there.
        seen = (yield "latest", dict(where)) if types is not None and is_behind and cursor is None else last
        wait = _WAIT if idle is None else min(_WAIT, idle - quiet)
        page: Page[Event] = yield "list", {"after": last, "types": types, "cursor": cursor, "wait": wait, **where}
        for event in page:
            last = event.sequence
            yield event
        is_behind = not page.items
        cursor = page.next_cursor if is_behind else None
        if page.items or cursor is not None:
            quiet = timedelta(0)
            continue
        last, quiet = seen, quiet + wait
        if idle is not None and quiet >= idle:
            return


def _begun(
    *, after: int | None = None, types: Sequence[str] | None = None, idle: timedelta | None = None, **where: Any
) -> _Steps:
    if idle is not None and not (isinstance(idle, timedelta) and idle >= timedelta(0)):
        raise Invalid.one("idle", "out_of_range", "idle is a length of time, or None to go on for ever")
    return _steps(after, types, idle, where)


def follow(group: Any, **asked: Any) -> Iterator[Event]:
    """Yield the events of a group with `latest` and `list`."""
    return _follow(group, _begun(**asked))


def _follow(group: Any, steps: _Steps) -> Iterator[Event]:
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Event):
            yield step
        else:
            answer = getattr(group, step[0])(**step[1])


def follow_awaited(group: Any, **asked: Any) -> AsyncIterator[Event]:
    """Yield the events of a group whose calls are awaited."""
    return _follow_awaited(group, _begun(**asked))


async def _follow_awaited(group: Any, steps: _Steps) -> AsyncIterator[Event]:
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Event):
            yield step
        else:
            answer = await getattr(group, step[0])(**step[1])
