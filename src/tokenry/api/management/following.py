"""`GET /v1/events` that waits for events: as a long poll (`wait=30`) or as a stream of server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias

from tokenry.edge import encode, mistakes
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, Receive, Send
from tokenry.edge.problems import Failed
from tokenry.operations import OPERATIONS, Operation
from tokenry.types import Event, FieldError, Invalid, Page

from .arrivals import Arrivals, Waiter, unfinished
from .callers import Call
from .performing import Arguments, perform

Admit: TypeAlias = Callable[[], Awaitable[object]]
"""Authenticates the caller again; raises Failed."""

HEARTBEAT_SECONDS: Final = 15.0
_LIST: Final = OPERATIONS["events.list"]
_LATEST: Final = OPERATIONS["events.latest"]
_SEQUENCE = re.compile(rb"[0-9]{1,18}", re.ASCII)
_RETRY_MS: Final = 3000


def waits(operation: Operation, given: Arguments, headers: Fields) -> bool:
    """Tell whether a request wants to wait for events."""
    return operation.streams and (bool(given.get("wait")) or wants_stream(headers))


def wants_stream(headers: Fields) -> bool:
    """Tell whether a client asks for server-sent events."""
    return any(name == b"accept" and b"text/event-stream" in value.lower() for name, value in headers)


async def long_poll(arrivals: Arrivals, call: Call, slug: str, given: Arguments, receive: Receive) -> Page[Event]:
    """Return a page of events, as soon as there is one, or an empty one after `wait`."""
    loop, wait = asyncio.get_running_loop(), given.pop("wait").total_seconds()
    with arrivals.entered(call.key_id, call.home, slug) as waiter, _watched(receive, waiter):
        until = loop.time() + wait
        while True:
            waiter.begin()
            page: Page[Event] = await perform(_LIST, call, slug, given)
            left = until - loop.time()
            if page.items or page.next_cursor is not None or left <= 0 or waiter.is_over:
                return page
            await waiter.wait(left)


@contextlib.contextmanager
def _watched(receive: Receive, waiter: Waiter) -> Any:
    gone = unfinished(receive, waiter)
    try:
        yield
    finally:
        gone.cancel()


class Stream:
    """An accepted stream of events. Call it to send the events."""

    def __init__(self, stack: contextlib.ExitStack, waiter: Waiter, call: Call, slug: str, given: Arguments) -> None:
        self._stack = stack
        self._waiter = waiter
        self._call = call
        self._slug = slug
        self._given = given

    @classmethod
    async def open(
        cls, arrivals: Arrivals, call: Call, slug: str, given: Arguments, headers: Fields, receive: Receive
    ) -> Stream:
        """Open a stream. Every error is raised here, before the response begins."""
        if wrong := [name for name in ("cursor", "wait") if name in given]:
            raise Invalid([mistakes.unknown(name, "has no meaning for a stream of events") for name in wrong])
        last = next((value for name, value in headers if name == b"last-event-id"), None)
        if last is not None:
            if not _SEQUENCE.fullmatch(last):
                message = "is the `id` of the last event that you have"
                raise Invalid([FieldError("Last-Event-ID", "bad_sequence", message)])
            given["after"] = int(last)
        with contextlib.ExitStack() as stack:
            waiter = stack.enter_context(arrivals.entered(call.key_id, call.home, slug))
            stack.enter_context(_watched(receive, waiter))
            latest = await perform(_LATEST, call, slug, {})
            given.setdefault("after", latest)
            await perform(_LIST, call, slug, {**given, "limit": 1})  # refuses arguments that no page can have
            return cls(stack.pop_all(), waiter, call, slug, given)
        raise AssertionError

    async def __call__(self, send: Send, request_id: str, admit: Admit) -> None:
        """Send events until the client disconnects, the server stops, or the caller may no longer read them."""
        head = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        head += [(b"x-accel-buffering", b"no"), (b"x-request-id", request_id.encode())]
        with self._stack:
            await send({"type": "http.response.start", "status": 200, "headers": head})
            begin = b"retry: %d\nid: %d\n\n" % (_RETRY_MS, self._given["after"])
            await send({"type": "http.response.body", "body": begin, "more_body": True})
            try:
                async for part in self._parts():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                last = b""
            except Exception as error:
                last = await self._refusal(error, request_id, admit)
            await send({"type": "http.response.body", "body": last})

    async def _parts(self) -> AsyncIterator[bytes]:
        given, waiter = self._given, self._waiter
        while not waiter.is_over:
            waiter.begin()
            # An empty page for some types means that nothing up to `seen` matches, so the next page starts there.
            seen = await self._ask(_LATEST, {}) if "types" in given and "cursor" not in given else given["after"]
            page: Page[Event] = await self._ask(_LIST, given)
            given.pop("cursor", None)
            if page.items:
                given["after"] = page.items[-1].sequence
                for event in _LIST.answer.write(page)["items"]:
                    yield b"id: %d\ndata: %b\n\n" % (event.sequence, encode(event))
            elif page.next_cursor is not None:
                given["cursor"] = page.next_cursor
            else:
                given["after"] = seen
                if not await waiter.wait(HEARTBEAT_SECONDS):
                    yield b": nothing new\nid: %d\n\n" % seen

    async def _ask(self, operation: Any, given: Arguments) -> Any:
        return await perform(operation, self._call, self._slug, given)

    async def _refusal(self, error: Exception, request_id: str, admit: Admit) -> bytes:
        """Return the last message of a stream that cannot go on, with the same problem that a new request would get."""
        try:
            await admit()
        except Failed as failed:
            error = failed
        return b"event: end\ndata: %b\n\n" % problems.of(error).body(request_id)
