"""The fast lane: hot routes are answered inside the parser's callback; the ordinary application answers the rest.

A request is taken only in its plain form, and only when no other answer is due on its connection. If the engine cannot
answer at once, the request waits, and later requests of its connection wait behind it.
`answering.py` writes the answers, and recognises requests that were answered before.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..process.logs import begin_request
from ..routes import AUTH, BATCH, INTROSPECT, JWKS, VERIFY
from .answering import Answering
from .guard import GuardedProtocol, Refused
from .holding import is_small
from .request import Answer, Request, Wish, own_query
from .waiting import Waiting

if TYPE_CHECKING:
    from ..app import Served

_log = logging.getLogger("tokenry.api")
_ROUTES = {route.encode(): route for route in (VERIFY, BATCH, AUTH, INTROSPECT, JWKS)}
_BELOW = AUTH.encode() + b"/"


def protocol(served: Served) -> type[HttpToolsProtocol]:
    """Return the HTTP protocol for uvicorn's `Config(http=…)`."""
    kind = LaneProtocol if served.settings.lane else GuardedProtocol
    return type(kind.__name__, (kind,), {"served": served})


def _is_plain(asked: Request) -> bool:
    """Tell whether a request has no body, or one of a length that is known and small.

    The ordinary application reads a larger body, after the caller is known.
    """
    return asked.chunked is None and (asked.length is None or is_small(asked.length))


class _NeverAwaited:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


class Turn:
    """A waiting request in the form of uvicorn's protocol, which starts later requests after it."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    message_event = _NeverAwaited()
    response_started = more_body = False

    def __init__(self) -> None:
        self.disconnected = self.response_complete = False
        self.keep_alive = True


class LaneProtocol(GuardedProtocol):
    """One connection whose hot requests are answered from memory, or without any framework."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answering = Answering(self, self.served)
        # uvloop looks the method up once, before `connection_made`.
        self.data_received = self._answering.data_received  # type: ignore[method-assign]
        self._asked: Request | None = None
        self._waiting: Request | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to answer on a new connection."""
        super().connection_made(transport)
        self._answering.begin(self.sender, self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Break the reference cycles, which only the garbage collector could free."""
        self._answering.release()
        self.__dict__.pop("data_received", None)  # the bound method that `__init__` set
        super().connection_lost(exc)

    def parse(self, data: bytes) -> None:
        """Answer a known head at once; feed anything else to the parser."""
        answering, self._waiting = self._answering, None
        begins = not (self._in_head or self._in_body)
        count = self._message_count
        GuardedProtocol.data_received(self, data)
        asked = answering.answered or self._waiting
        alone = begins and self._message_count == count + 1 and not self._in_head and not self._held
        if asked is not None and alone and not self.flow.write_paused:
            answering.learn(data, asked)

    def pause_writing(self) -> None:
        """Leave every request to the ordinary application while the client does not read."""
        self._answering.head = None
        super().pause_writing()

    def on_message_begin(self) -> None:
        """Begin a request; the ASGI scope is made when it is needed."""
        if self._over:
            raise Refused
        self._in_head, self._is_handed = True, False
        self._late_count = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Take the request, or hand it over."""
        path, _, query = self.url.partition(b"?")
        route = _ROUTES.get(path) or (AUTH if path.startswith(_BELOW) else None)
        if route is not None and self._takes(route, own_query(path, query)):
            self.check_head()
            return
        if route is not None and route is not JWKS:
            self.served.counters.handed_over_count += 1
        self._hand_over()
        super().on_headers_complete()

    def _takes(self, route: str, query: bytes) -> bool:
        """Take a request in its plain form, if no other answer is due before its own."""
        if self.expect_100_continue or self.is_due() or self.flow.write_paused or self.parser.should_upgrade():
            return False
        method = self.parser.get_method()
        asked = Request(query, self.headers, self._peer, self.served.proxies)
        if not _is_plain(asked):
            return False
        if route is JWKS:
            if method != b"GET" or query or asked.length is not None:
                return False
            # Recalled once: another process may change the keys before the answer is written.
            asked.key_set = self.served.hot.recall_key_set()
            if asked.key_set is None:
                return False
        elif method != b"POST" and route is not AUTH:
            return False
        asked.method = method
        self.served.counters.parsed_count += 1
        self._asked, self._answering.route, self._answering.method = asked, route, method
        return True

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        asked = self._asked
        if asked is None:
            super().on_body(body)
        elif not asked.body:
            asked.body = body
        elif isinstance(asked.body, bytearray):
            asked.body += body
        else:
            asked.body = bytearray(asked.body) + body

    def on_message_complete(self) -> None:
        """Answer, if the engine can do so at once."""
        asked = self._asked
        if asked is None:
            super().on_message_complete()
            return
        self._asked = None
        self._in_body = False
        self._message_count += 1
        keep = (
            self.parser.should_keep_alive()
            and self.parser.get_http_version() != "1.0"
            and not self._answering.is_closing
        )
        self._answering.respond(asked, keep)

    def progress(self) -> int:
        """Return a number that changes with every request."""
        return super().progress() + self._answering.count

    def wait_for(self, wishes: list[Wish], asked: Request, keep: bool) -> None:
        """Answer a request when its wishes are fulfilled."""
        self.served.counters.waited_count += 1
        self._waiting, turn = asked, Turn()
        self.cycle = turn  # type: ignore[assignment]
        Waiting(self, self._answering.route, asked, turn, keep=keep).wait_for(wishes)

    def end(self) -> None:
        """Close the connection after its last answer."""
        self._over = True
        self.transport.close()

    def wait_in_task(self, asked: Request, wishes: list[Wish], turn: Turn, *, keep: bool) -> None:
        """Let a task wait for the answer."""
        task = self.loop.create_task(self._answer(asked, wishes, turn, keep))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, asked: Request, wishes: list[Wish], turn: Turn, keep: bool) -> None:
        """Answer when the engine can."""
        begin_request(asked.request_id.decode(), asked.trace)
        route, hot = self._answering.route, self.served.hot
        try:
            answer = await self.served.drive(partial(hot.answer, route), route, asked, wishes)
        except asyncio.CancelledError as error:
            answer = hot.failing(route, error, asked)
        self.finish(answer, asked, turn, keep=keep)

    def finish(self, answer: Answer, asked: Request, turn: Turn, *, keep: bool) -> None:
        """Write the answer to a request that has waited, as soon as the client reads."""
        if self.flow.write_paused:
            task = self.loop.create_task(self._finish_later(answer, asked, turn, keep))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        turn.response_complete = True
        if turn.disconnected or self.transport.is_closing():
            return
        self._answering.write(answer, asked, keep and turn.keep_alive)
        if self.pipeline or self._failing:
            self.on_response_complete()

    async def _finish_later(self, answer: Answer, asked: Request, turn: Turn, keep: bool) -> None:
        await self.flow.drain()
        self.finish(answer, asked, turn, keep=keep)

    def shutdown(self) -> None:
        """Close after the request that is being received, or at once."""
        if self._asked is not None:
            self._answering.is_closing = True
        else:
            super().shutdown()

    def received(self) -> int:
        """Return how many bytes are kept of the requests of this connection."""
        return super().received() + (len(self._asked.body) if self._asked is not None else 0)

    def _fail(self, code: str) -> None:
        self._answering.head = self._asked = None
        super()._fail(code)

    def _hand_over(self) -> None:
        """Pass the request to the ordinary application, from its beginning."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
