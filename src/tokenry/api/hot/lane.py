"""The fast lane: hot routes are answered inside the parser's callback, everything else goes the ordinary way.

A request is taken only in its plain form, and only when nothing else is due on its connection. What the engine cannot
answer at once is answered when it can: until then the connection is in its turn, and what follows waits behind it.

A client that keeps its connection sends the same head again and again, and a proxy that of a client on any connection.
One that is the same byte for byte, or but for a few values (`shapes.py`), is not parsed a second time.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..process.logs import begin_request
from ..routes import AUTH, BATCH, INTROSPECT, JWKS, VERIFY
from .guard import GuardedProtocol, Refused
from .holding import is_small
from .request import Answer, Request, Wish, own_query
from .shapes import Shape, shape_of
from .waiting import Waiting

if TYPE_CHECKING:
    from ..app import Served

_log = logging.getLogger("tokenry.api")
_ROUTES = {route.encode(): route for route in (VERIFY, BATCH, AUTH, INTROSPECT, JWKS)}
_SHAPES_MAX = 8
"""How many requests of a connection may differ from each other before it is taken to be one whose requests all do."""
_BELOW = AUTH.encode() + b"/"


def protocol(served: Served) -> type[HttpToolsProtocol]:
    """Return the HTTP protocol for uvicorn's `Config(http=…)`."""
    kind = LaneProtocol if served.settings.lane else GuardedProtocol
    return type(kind.__name__, (kind,), {"served": served})


def _is_plain(asked: Request) -> bool:
    """Tell whether a request has no body, or one of a length that is known and small.

    A larger body is read the ordinary way, after the caller is known.
    """
    return asked.chunked is None and (asked.length is None or is_small(asked.length))


class _Told:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


class Turn:
    """A request that waits for its answer, as uvicorn's protocol knows one: those behind it are started after it."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    message_event = _Told()
    response_started = more_body = False

    def __init__(self) -> None:
        self.disconnected = self.response_complete = False
        self.keep_alive = True


class LaneProtocol(GuardedProtocol):
    """One connection whose hot requests are answered from memory, or without any framework."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked: Request | None = None
        self._route, self._method = "", b""
        self._defaults: Any = None
        self._default_lines = b""
        self._closing = False
        self._head: bytes | None = None  # while it is set, the connection is idle and has answered this head before
        self._size = 0
        self._answered: Request | None = None
        self._is_new = True  # nothing has come yet
        self._lets_in = False  # what the last answer did
        self._waiting: Request | None = None
        self._shape: Shape | None = None
        self._shapes_count = 0  # of the shapes that were made since a request had the last one

    def data_received(self, data: bytes) -> None:
        """Answer the same again, or feed the parser."""
        again = self._again(data)
        self._is_new = False
        if again is not None:
            self._message_count += 1
            self._respond(again, keep=True)
            return
        self._head = self._answered = self._waiting = None
        begins = not (self._in_head or self._in_body)
        count = self._message_count
        super().data_received(data)
        asked = self._answered or self._waiting
        alone = begins and self._message_count == count + 1 and not self._in_head and not self._held
        if asked is None or not alone or self.flow.write_paused or self._route is JWKS:
            return
        if not asked.body or data[-1] not in b"\r\n":  # or lines that no request is may follow the body
            self._head, self._size = data[: len(data) - len(asked.body)], len(data)
            comes_again = self._route is AUTH and not asked.body and not asked.has_id and asked.traceparent is None
            if comes_again and self._answered is asked and self._lets_in:
                self.served.heads.keep(self._peer, data, asked, self.loop)
            if self._shapes_count < _SHAPES_MAX:
                self._shapes_count += 1
                self._shape = shape_of(self._route, self._head, asked, self.served.proxies)

    def _again(self, data: bytes) -> Request | None:
        """Return the request that these bytes are, if their head was answered before and nothing else is due here."""
        head, asked = self._head, self._answered
        if head is not None and asked is not None:
            if len(data) == self._size and data.startswith(head):
                asked.again(data[len(head) :])
                return asked
            shape = self._shape
            if shape is not None and (asked := shape.read(data)) is not None:
                self._shapes_count = 0
                self._route, self._method = shape.route, shape.method
                self._head, self._size = data[: shape.size], len(data)
                return asked
        elif not self._is_new:
            return None
        again = self.served.heads.get(self._peer, data)
        if again is not None:
            self._route, self._method, self._head, self._size = AUTH, again.method, data, len(data)
        return again

    def pause_writing(self) -> None:
        """Leave everything to the ordinary way while the client does not read."""
        self._head = None
        super().pause_writing()

    def on_message_begin(self) -> None:
        """Begin a request; the scope of the ordinary way is made when it is needed."""
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
        """Take a request in its plain form, if its answer may be written at once."""
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
        self._asked, self._route, self._method = asked, route, method
        asked.method = method
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
        keep = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0" and not self._closing
        self._respond(asked, keep=keep)

    def _respond(self, asked: Request, *, keep: bool) -> None:
        """Answer a request that has been read, or hand it over with how far it got."""
        served = self.served
        step = served.hot.answer(self._route, asked) if asked.traceparent is None else served.begin(self._route, asked)
        if isinstance(step, tuple):
            served.counters.lane_count += 1
            self._write(step, asked, keep)
            return
        served.counters.waited_count += 1
        self._answered, self._waiting = None, asked
        turn = Turn()
        self.cycle = turn  # type: ignore[assignment]
        Waiting(self, self._route, asked, turn, keep=keep).wait_for(step)

    def wait_in_task(self, asked: Request, wishes: list[Wish], turn: Turn, *, keep: bool) -> None:
        """Let a task wait for the answer."""
        task = self.loop.create_task(self._answer(asked, wishes, turn, keep))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, asked: Request, wishes: list[Wish], turn: Turn, keep: bool) -> None:
        """Answer when the engine can."""
        begin_request(asked.request_id.decode(), asked.trace)
        route, hot = self._route, self.served.hot
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
        self._write(answer, asked, keep and turn.keep_alive)
        if self.pipeline or self._failing:
            self.on_response_complete()

    async def _finish_later(self, answer: Answer, asked: Request, turn: Turn, keep: bool) -> None:
        await self.flow.drain()
        self.finish(answer, asked, turn, keep=keep)

    def shutdown(self) -> None:
        """End after the request that is being received, if there is one."""
        if self._asked is not None:
            self._closing = True
        else:
            super().shutdown()

    def received(self) -> int:
        """Return how many bytes are kept of the requests of this connection."""
        return super().received() + (len(self._asked.body) if self._asked is not None else 0)

    def _fail(self, code: str) -> None:
        self._head = self._asked = None
        super()._fail(code)

    def _hand_over(self) -> None:
        """Begin the request again, the ordinary way."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)

    def _write(self, answer: Answer, asked: Request, keep: bool) -> None:
        """Write an answer with one call."""
        state = self.server_state
        state.total_requests += 1
        if state.default_headers is not self._defaults:
            self._renew_defaults(state.default_headers)
        status, head, body = answer
        self._lets_in = status == 200
        length = len(body)
        if self._method == b"HEAD":
            body = b""
        ending = b"\r\n"
        if not keep or self._closing:
            ending = b"\r\n" if b"connection: close" in self._default_lines else b"connection: close\r\n\r\n"
        content = (STATUS_LINE[status], self._default_lines, head, b"content-length: %d\r\n" % length, ending, body)
        self.sender.send(b"".join(content))
        if keep and not self._closing:
            self._answered = asked
        else:
            self._over, self._head = True, None
            self.transport.close()
        access = self.served.access
        if access.is_due(status):
            request_id, client = asked.request_id.decode(), asked.client or ""
            access.tell(self._method.decode(), self._route, status, None, request_id, client, asked.trace)

    def _renew_defaults(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Join uvicorn's default headers, which it replaces every second."""
        self._defaults = fields
        self._default_lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        self._closing = self._closing or b"connection: close\r\n" in self._default_lines
