"""uvicorn's HTTP protocol within limits: how large a head, how large a body, how long a client may take.

A protocol error is answered after all answers that are still due, and before the connection is closed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tokenry.edge.asgi import lines
from tokenry.edge.problems import problem

from ..routes import BODY_MAX
from .request import new_request_id
from .sending import Sender

if TYPE_CHECKING:
    from ..app import Served

HEAD_MAX = 16 * 1024
FIELDS_MAX = 128
_WRITE_BYTES_MAX = 16 * 1024
"""How many bytes of answers a connection keeps in memory before the client has to read."""

_UNREAD_BYTES = (2 * _WRITE_BYTES_MAX, 8 * _WRITE_BYTES_MAX)
"""The memory that a connection takes if its client does not read, without TLS and with TLS."""

_FIELD_BYTES = 130
"""How many fields a head may have, and the overhead of each: 16 KiB of small fields take half a megabyte."""

_SURPLUS_MAX = 64
"""How many connections over `connections_max` get an error response; further connections are cut off."""

_PIPELINED_MAX = 16
_PART_BYTES = 1024
"""How many requests of a connection may wait for answers, and how many bytes are parsed between two checks."""
_TAKE_SECONDS = 0.001
"""How long the bytes of one connection are parsed before other connections have their turn."""

_LINGER_SECONDS = 1.0
_BEATS_HEAD = 2
_BEATS_BODY = 6
"""How many keep-alive times a client has for a head, and for a whole request; for reading an answer, too."""
_DETAILS = {"bad_request": "This is no request as RFC 9112 has it: look at its first line, `Host` and its length."}


class Refused(Exception):
    """Raised inside the parser to end a connection with an answer."""


class _Flow(FlowControl):
    """Pauses reading while bytes are left to parse, even if a request wants its body."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `served` is set by the subclass that `protocol` makes."""

    served: ClassVar[Served]
    flow: _Flow

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = b""  # bytes that were read and are not parsed yet
        self._in_head = False
        self._in_body = False
        self._is_handed = False  # whether the ordinary application has begun with the request that is being received
        self._large = False
        self._head_count = 0
        self._late_count = 0  # bytes since the piece in which a head began
        self._message_count = 0
        self._failing = ""
        self._leaves = False  # whether the request asks for another protocol
        self._over = False
        self._beat: asyncio.TimerHandle | None = None
        self._beat_message = -1
        self._beats = 0
        self._peer: str | None = None
        self._is_weighed = False
        self.headers = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch a new connection."""
        self.sender = Sender(transport, self.served.outbox, self.loop)
        super().connection_made(cast("asyncio.Transport", self.sender))
        transport.set_write_buffer_limits(_WRITE_BYTES_MAX)
        self.flow = _Flow(self.transport)
        self._peer = self.served.proxies.client(self.client[0] if self.client else None)
        self._beat = self.loop.call_later(self.timeout_keep_alive, self._watch)
        surplus = len(self.connections) - self.served.settings.connections_max
        if surplus > _SURPLUS_MAX:
            transport.abort()
        elif surplus > 0:
            self._fail("busy")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._beat is not None:
            self._beat.cancel()
        self.served.holding.free(self)
        self.pipeline.clear()
        self.sender.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self._failing or self._over:
            return  # bytes that follow on a closing connection are ignored
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._held:
            self._hold(self._held + data)
        elif len(data) > _PART_BYTES and self.served.turns:
            self._wait(data)
        else:
            self._take(data)
        self._weigh()

    @property
    def is_receiving(self) -> bool:
        """Whether a request has begun and has not arrived completely."""
        return (self._in_head or self._in_body) and not self._failing and not self._over

    def pause_writing(self) -> None:
        """Wait with answers until the client reads."""
        super().pause_writing()
        self._weigh()

    def resume_writing(self) -> None:
        """Go on answering."""
        super().resume_writing()
        self._weigh()

    def _weigh(self) -> None:
        """Record how many bytes are held of requests, and of answers that the client does not read."""
        if self.is_receiving or self._held or self.flow.write_paused:
            self._is_weighed = True
            unread = _UNREAD_BYTES[self.scheme == "https"] if self.flow.write_paused else 0
            self.served.holding.hold(self, unread + len(self._held) + self.received())
        elif self._is_weighed:
            self.served.holding.free(self)
            self._is_weighed = False

    def received(self) -> int:
        """Return how many bytes are kept of the requests of this connection."""
        size = self._late_count if self._in_head else 0
        size += _FIELD_BYTES * len(self.headers)
        for cycle in (self.cycle, *[waiting for waiting, _ in self.pipeline]):
            size += len(getattr(cycle, "body", b""))
        return size

    def shed(self) -> None:
        """Give up the request that is being received, or the answer that is not read, to make room for others."""
        self._is_weighed = False
        if self.flow.write_paused:
            self.transport.abort()
        else:
            self._fail("busy")

    def hurry(self) -> None:
        """The server is stopping: give up an incomplete request, and a client that does not read."""
        if self.flow.write_paused:
            self.transport.abort()
        elif self.is_receiving:
            self._fail("too_slow")

    def cut(self) -> None:
        """Give up a client that does not read its answer."""
        if self.transport.is_closing() or self.flow.write_paused:
            self.transport.abort()

    def _take(self, data: bytes) -> None:
        """Feed the parser in parts, while few requests wait: a parsed request takes a hundred times its bytes.

        After some requests, or some time, other connections have their turn: a read may hold thousands of requests, and
        a body tens of thousands of chunks.
        """
        count = self._message_count
        end = time.perf_counter() + _TAKE_SECONDS if len(data) > _PART_BYTES else 0.0
        for place in range(0, len(data), _PART_BYTES):
            if self._failing or self._over:
                return
            if len(self.pipeline) >= _PIPELINED_MAX:
                self._hold(data[place:])
                return
            if self._message_count - count >= _PIPELINED_MAX or (place and time.perf_counter() > end):
                self._wait(data[place:])
                return
            self._read(data[place : place + _PART_BYTES])

    def _wait(self, data: bytes) -> None:
        """Parse the rest after other connections had their turn."""
        self._hold(data)
        self.served.turns.add(self, self.loop)

    def go_on(self) -> None:
        """Parse the bytes that were held back, if the connection still wants them."""
        held = self._held
        if held and len(self.pipeline) < _PIPELINED_MAX and not self.transport.is_closing():
            self._hold(b"")
            self._take(held)
            self._weigh()

    def _hold(self, data: bytes) -> None:
        """Hold back these bytes, and pause reading until they are parsed."""
        self._held, self.flow.is_held = data, bool(data)
        if data:
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    def _read(self, data: bytes) -> None:
        if self._in_head:
            self._head_count += len(data)
        else:
            self._head_count = len(data)
        self._large = self._head_count > HEAD_MAX
        self._late_count += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if not self._over:
                self._fail(self._failing or "bad_request")
            return
        if self._in_head and (self._late_count > 2 * HEAD_MAX or len(self.headers) > FIELDS_MAX):
            self._fail("headers_too_large")

    def _feed(self, data: bytes) -> None:
        """Feed the parser, even if requests in a piece ask for another protocol."""
        rest = memoryview(data)
        while not self._over:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            else:
                return
            self._stay()

    def _stay(self) -> None:
        """Read a head again as if it had not asked for another protocol, since we speak none.

        The parser has left its body unread, to be taken for the next request.
        """
        version = self.parser.get_http_version().encode()
        head = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        head += [b"%b: %b\r\n" % field for field in self.headers if field[0] not in (b"upgrade", b"connection")]
        asked = b",".join(value for name, value in self.headers if name == b"connection").lower()
        if b"close" in [token.strip() for token in asked.split(b",")]:
            head.append(b"connection: close\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._leaves = False
        self.parser.feed_data(b"".join(head) + b"\r\n")

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._in_head, self._is_handed = True, False
        self._late_count = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head. Ignore trailers: a proxy does not set its trusted headers there."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request is too large."""
        self.check_head()
        self._leaves = self.parser.should_upgrade()
        if self._leaves:
            if self.parser.get_method() == b"CONNECT":
                self.refuse("bad_request")
            return
        for name, value in self.headers:
            if name == b"content-length" and len(value) > 6 and int(value) > BODY_MAX:
                self.refuse("body_too_large")
        super().on_headers_complete()
        self._is_handed = True

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_body = False
        if self._leaves:
            return
        self._message_count += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer; after the last answer that is due, send a pending error."""
        if self._failing and not self.pipeline:
            self.server_state.total_requests += 1
            self._part()
            return
        super().on_response_complete()
        self.go_on()

    def check_head(self) -> None:
        """End the head of a request; refuse a head that is too large, or does not name exactly one host."""
        self._in_head, self._in_body = False, True
        names = [name for name, _ in self.headers]
        if len(names) > FIELDS_MAX:
            self.refuse("headers_too_large")
        count = names.count(b"host")
        if count > 1 or (not count and self.parser.get_http_version() == "1.1"):  # RFC 9112, section 3.2
            self.refuse("bad_request")
        if b"#" in self.url:  # no target has a fragment, and a requirement behind one would be ignored
            self.refuse("bad_request")
        if b"transfer-encoding" in names:  # a proxy in front may see another end of this request (request smuggling)
            codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
            if codings != [b"chunked"]:
                self.refuse("bad_request")
        if self._large:
            size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
            if size > HEAD_MAX:
                self.refuse("headers_too_large")

    def refuse(self, code: str) -> None:
        """Leave the parser, to end the connection with this problem."""
        self._failing = code
        raise Refused

    def is_due(self) -> bool:
        """Tell whether an answer of the ordinary application is still due on this connection."""
        return self.cycle is not None and not self.cycle.response_complete

    def _fail(self, code: str) -> None:
        """End the connection with a problem, after the answers that are due."""
        self._failing = code
        self._held, self.flow.is_held = b"", False
        self.served.holding.free(self)
        self.headers = []
        self.served.counters.refused_count += 1
        if self.is_due() and self._in_body and self._is_handed:
            if self.pipeline:
                self.pipeline.popleft()  # the malformed request; the requests before it are answered first
                return
            self.cycle.disconnected = True
            self.cycle.body = bytearray()
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        elif self.is_due():
            return
        self._part()

    def _part(self) -> None:
        """Send the error, and close. The client gets the answer even if it is still sending; the rest is not read."""
        result, request_id = problem(self._failing, _DETAILS.get(self._failing, "")), new_request_id()
        body = result.body(request_id.decode())
        content = [STATUS_LINE[result.status], b"x-request-id: %b\r\n" % request_id, lines(result.fields())]
        content += [b"%b: %b\r\n" % field for field in self.server_state.default_headers]
        content.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
        if not self.transport.is_closing():
            self.sender.send(b"".join([*content, body]))
            if self.transport.can_write_eof():
                self.transport.write_eof()
                self.flow.resume_reading()
                self.loop.call_later(_LINGER_SECONDS, self.transport.close)
            else:
                self.transport.close()

    def progress(self) -> int:
        """Return a number that changes with every request."""
        return self._message_count

    def _watch(self) -> None:
        """Close a connection that is idle or too slow, every keep-alive time. Requests in between cost nothing."""
        progress = self.progress()
        self._beats = self._beats + 1 if self._beat_message == progress else 0
        self._beat_message = progress
        self._beat = self.loop.call_later(self.timeout_keep_alive, self._watch)
        if self.flow.write_paused or self.transport.is_closing():  # otherwise the connection would be lost by now
            if self._beats >= _BEATS_BODY:
                self.transport.abort()
        elif self._failing or self._held:
            return
        elif self._in_head or self._in_body:
            if self._beats >= (_BEATS_HEAD if self._in_head else _BEATS_BODY):
                self._fail("too_slow")
        elif self._beats and not self.is_due():
            self.transport.close()
