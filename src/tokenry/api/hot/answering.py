"""How a connection answers hot requests: parsed requests, and repeats of earlier requests.

A client that keeps its connection repeats the same head, and a proxy repeats the head of a client on any connection.
A head that is the same byte for byte, or differs only in a few values (`shapes.py`), is not parsed a second time.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..process.counters import Counters
from ..routes import AUTH, JWKS
from .request import Answer, Request
from .sending import Sender
from .shapes import Shape, shape_of
from .verify import Hot

_SHAPES_MAX: Final = 8
"""After this many different requests, all requests of a connection are assumed to differ."""


class DefaultLines:
    """uvicorn's default headers as lines. uvicorn replaces them every second, for all connections."""

    __slots__ = ("_fields", "closes", "text")

    def __init__(self) -> None:
        self._fields: Any = None
        self.text = b""
        self.closes = False
        """Whether they say that the connection is closed."""

    def of(self, fields: Any) -> bytes:
        """Return these headers as lines."""
        if fields is not self._fields:
            self._fields = fields
            self.text = b"".join([b"%b: %b\r\n" % field for field in fields])
            self.closes = b"connection: close\r\n" in self.text
        return self.text


class Answering:
    """Answers the hot requests of one connection. Requests that have to wait are handed to the connection."""

    __slots__ = (
        *(
            "_access",
            "_connection",
            "_counters",
            "_hot",
            "_is_new",
            "_lets_in",
            "_lines",
            "_peer",
            "_sender",
            "_served",
            "_shape",
        ),
        *("_shapes_count", "_size", "_state", "answered", "count", "head", "is_closing", "method", "route"),
    )

    def __init__(self, connection: Any, served: Any) -> None:
        self._connection = connection
        self._served = served
        self._hot: Hot = served.hot
        self._access = served.access
        self._counters: Counters = served.counters
        self._lines: DefaultLines = served.lines
        self._state = connection.server_state
        self._sender: Sender | None = None
        self._peer: str | None = None
        self.route, self.method = "", b""
        self.head: bytes | None = None
        """While this is set, the connection is idle and has already answered this head, or a head of its shape."""
        self.answered: Request | None = None
        self.count = 0
        """How many requests were answered without the parser."""
        self.is_closing = False
        """Whether the next answer is the last one."""
        self._size = 0
        self._is_new = True  # nothing has come yet
        self._lets_in = False  # whether the last answer let its request in
        self._shape: Shape | None = None
        self._shapes_count = 0  # shapes made since a request last matched one

    def begin(self, sender: Sender, peer: str | None) -> None:
        """Store the transport that sends answers, and the address of the peer."""
        self._sender, self._peer = sender, peer

    def release(self) -> None:
        """Let go of the connection: both hold each other, and only a full garbage collection would free them."""
        self._connection = None

    def data_received(self, data: bytes) -> None:
        """Answer the request in these bytes if its like was answered before; else pass the bytes to the parser."""
        if self._connection is None:
            return
        asked = self._find(data)
        self._is_new = False
        if asked is None:
            self.head = self.answered = None
            self._connection.parse(data)
        else:
            self.count += 1
            self.respond(asked, True)

    def _find(self, data: bytes) -> Request | None:
        """Return the request in these bytes, if its head was answered before and no other answer is due."""
        head, asked = self.head, self.answered
        if head is not None and asked is not None:
            if len(data) == self._size and data.startswith(head):
                asked.again(data[len(head) :])
                return asked
            shape = self._shape
            if shape is not None and (asked := shape.read(data)) is not None:
                self._shapes_count = 0
                self.route, self.method, self._size = shape.route, shape.method, 0
                return asked
        elif not self._is_new:
            return None
        again: Request | None = self._served.heads.get(self._peer, data)
        if again is not None:
            self.route, self.method, self.head, self._size = AUTH, again.method, data, len(data)
        return again

    def learn(self, data: bytes, asked: Request) -> None:
        """Remember a request that came alone and was parsed, for the next request like it."""
        if self.route == JWKS or (asked.body and data[-1] in b"\r\n"):  # blank lines may follow the body
            return
        self.head, self._size = data[: len(data) - len(asked.body)], len(data)
        if self._shapes_count < _SHAPES_MAX:
            self._shapes_count += 1
            self._shape = shape_of(self.route, self.head, asked, self._served.proxies)
        comes_again = self.route == AUTH and not asked.body and not asked.has_id and asked.traceparent is None
        if comes_again and self.answered is asked and self._lets_in:
            self._served.heads.keep(self._peer, data, asked, self._connection.loop)

    def respond(self, asked: Request, keep: bool) -> None:
        """Answer a request that has been read, or let the connection wait for its answer."""
        route = self.route
        step = self._hot.answer(route, asked) if asked.traceparent is None else self._served.begin(route, asked)
        if isinstance(step, tuple):
            self._counters.lane_count += 1
            self.write(step, asked, keep)
        elif self._connection is not None:
            self.answered = None
            self._connection.wait_for(step, asked, keep)

    def write(self, answer: Answer, asked: Request, keep: bool) -> None:
        """Write an answer with one call."""
        assert self._sender is not None
        lines = self._lines.of(self._state.default_headers)
        status, head, body = answer
        self._lets_in = status == 200
        length = len(body)
        if self.method == b"HEAD":
            body = b""
        if keep and not self.is_closing and not self._lines.closes:
            self.answered = asked
            content = (STATUS_LINE[status], lines, head, b"content-length: %d\r\n\r\n" % length, body)
            self._sender.send(b"".join(content))
        else:
            ending = b"\r\n" if self._lines.closes else b"connection: close\r\n\r\n"
            self.head = None
            content = (STATUS_LINE[status], lines, head, b"content-length: %d\r\n%b" % (length, ending), body)
            self._sender.send(b"".join(content))
            if self._connection is not None:
                self._connection.end()
        if self._access.is_due(status):
            request_id, client = asked.request_id.decode(), asked.client or ""
            self._access.tell(self.method.decode(), self.route, status, None, request_id, client, asked.trace)
