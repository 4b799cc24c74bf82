"""Events: reading the outbox, and telling subscribers in the same process."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Generic, TypeAlias

from tokenry.core import fields
from tokenry.core.errors import Invalid, shown
from tokenry.core.events import EVENT_TYPES, matches
from tokenry.core.following import WAIT_MAX, follow
from tokenry.core.lists import is_list
from tokenry.core.mistakes import meant
from tokenry.core.model import NOT_GIVEN, Event, NotGiven, Page
from tokenry.core.walking import walked

from .context import B, Context
from .paging import page, place_of
from .waiting import waited

_PLACE = re.compile(r"[0-9]{1,18}", re.ASCII)
_log = logging.getLogger("tokenry.events")

Subscriber: TypeAlias = Callable[[Event], object]


class Subscribers:
    """The subscribers to events in this process. An error in a subscriber is logged and harms nothing."""

    def __init__(self) -> None:
        self._all: dict[object, tuple[Subscriber, tuple[str, ...]]] = {}  # no lock: a child of a fork would inherit it

    def add(self, fn: Subscriber, types: tuple[str, ...]) -> Callable[[], None]:
        """Add a subscriber; return how to remove it."""
        place = object()
        self._all[place] = (fn, types)

        def remove() -> None:
            self._all.pop(place, None)

        return remove

    def tell(self, events: Sequence[Event]) -> None:
        """Call everybody who asked for an event's type, in the order in which they came."""
        for event in events:
            for fn, types in list(self._all.values()):
                if any(matches(pattern, event.type) for pattern in types):
                    try:
                        fn(event)
                    except Exception:
                        _log.exception("a subscriber failed on %s (%s)", event.type, event.id)


class Events(Generic[B]):
    """The events of a tenant, in the order of their commits."""

    def __init__(self, context: Context, subscribers: Subscribers) -> None:
        self._context = context
        self._subscribers = subscribers

    def list(
        self,
        *,
        after: int = 0,
        types: Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
        wait: timedelta = timedelta(0),
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Event]:
        """Return one page of events after a sequence number, the oldest first.

        To hear of later events, go on with `after=` and the last sequence that you have seen: none is missed. While
        there is none, the call waits for up to `wait` (a minute at most) before it returns an empty page.
        """
        if not isinstance(wait, timedelta) or not timedelta(0) <= wait <= WAIT_MAX:
            raise Invalid.one("wait", "out_of_range", "wait is a length of time, a minute at most")
        if wait and self._context.is_joined:
            raise Invalid.one("wait", "not_here", "inside of your transaction nothing new is seen: wait outside of it")
        look = partial(self._page, after, types, limit, cursor, tenant, by)
        return waited(self.subscribe, look, wait) if wait else look()

    def _page(
        self,
        after: int,
        types: Sequence[str] | None,
        limit: int,
        cursor: str | None,
        tenant: str | NotGiven,
        by: B | NotGiven,
    ) -> Page[Event]:
        limit, place = fields.limit_of_page(limit), place_of("event", cursor, _PLACE.fullmatch)
        if not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 1 << 63:
            raise Invalid.one("after", "out_of_range", "after is the sequence of the last event you have seen, or 0")
        chosen = None if types is None else _types(types)
        with self._context.reading(tenant, by) as scene:
            scene.actor.must("tokenry:events:read", "reading events")
            after = int(place) if place else after
            until = None if chosen is None else scene.rows.events.reach(scene.tenant, after=after)
            found = scene.rows.events.list(scene.tenant, after=after, until=until, types=chosen, limit=limit + 1)
        return page("event", found, limit, lambda event: str(event.sequence), str(until[1]) if until else None)

    iterate = walked(list)

    def latest(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> int:
        """Return the sequence of the last event, 0 when there is none: go on from there to hear of later ones."""
        with self._context.reading(tenant, by) as scene:
            scene.actor.must("tokenry:events:read", "reading events")
            return scene.rows.events.latest(scene.tenant)

    def follow(
        self,
        *,
        after: int | None = None,
        types: Sequence[str] | None = None,
        idle: timedelta | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Iterator[Event]:
        """Yield events as they are committed, by any process; each once, the oldest first.

        It begins after the sequence `after`, by default with what happens from now on. It ends when nothing has come
        for the time `idle`, by default never. After an error go on with the last sequence that you have seen.
        """
        return follow(self, after=after, types=types, idle=idle, tenant=tenant, by=by)

    def subscribe(self, fn: Subscriber, *, types: Sequence[str] = ("*",)) -> Callable[[], None]:
        """Call `fn(event)` in this process after every commit of a matching event; return how to stop that.

        `types` are names, `key.*`, or `*`. For events of other processes read `list`.
        """
        if not callable(fn):
            raise Invalid.one("fn", "not_callable", "fn is a function that takes one event")
        listed = tuple(types) if is_list(types) else ()
        _types(listed or types)
        return self._subscribers.add(fn, listed)


def _types(patterns: object) -> tuple[str, ...]:
    if not is_list(patterns):
        raise Invalid.one("types", "not_a_list", "types are a list of event types, such as ['key.revoked']")
    chosen = []
    for pattern in patterns:
        found = [type for type in EVENT_TYPES if isinstance(pattern, str) and matches(pattern, type)]
        if not found:
            raise Invalid.one(
                "types", "unknown_type", f"{shown(pattern)} is not an event type{meant(str(pattern), EVENT_TYPES)}"
            )
        chosen += found
    return tuple(chosen)
