"""Answers are sent in groups while many connections are busy.

A send wakes a sleeping client, which can cost more than the answer. A client that waits on many connections, such as a
proxy, is woken once for a whole group of answers. A group is at most half of the busy connections, so that both sides
always have work; if few connections are busy, every answer is sent at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

_log = logging.getLogger("tokenry.api")

BUSY_MIN = 32
"""The number of busy connections from which answers are sent in groups."""

TOGETHER_MAX = 32
"""The most answers in a group, so that the first answer is not held back for long."""

_SIZE_MAX = 64 * 1024
"""The most bytes that a connection holds back, so that a client that does not read is noticed."""


class Outbox:
    """The answers that the senders of one event loop hold back, and the number of busy connections.

    A round ends with the first connection that is written to a second time.
    """

    def __init__(self) -> None:
        self.round = 0
        self.count = 0  # connections that were written to in this round
        self.together = 1
        self._waiting: list[Sender] = []

    def begin(self) -> int:
        """Begin a round with its first connection, and learn from the last one."""
        self.together = min(TOGETHER_MAX, self.count // 2) if self.count >= BUSY_MIN else 1
        self.count = 1
        self.round += 1
        return self.round

    def add(self, sender: Sender, loop: asyncio.AbstractEventLoop) -> None:
        """Let a sender send with its group, or at the end of this turn of the event loop."""
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append(sender)
        if len(self._waiting) >= self.together:
            self._send()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            try:
                sender.flush()
            except Exception:  # an error of one connection must not cost the others their answers
                _log.exception("an answer could not be sent")


class Sender:
    """A transport that may hold back writes for a moment; every other call goes to the wrapped transport."""

    __slots__ = ("_head", "_is_ended", "_loop", "_outbox", "_parts", "_round", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._outbox = outbox
        self._loop = loop
        self._round = -1
        self._parts: list[bytes | bytearray | memoryview] = []
        self._size = 0
        self._head: bytes | bytearray | memoryview = b""
        self._is_ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send these bytes with the head before them. A head that is written alone waits for its body."""
        if not self._head and data[-4:] == b"\r\n\r\n":
            self._head = data
            self._loop.call_soon(self._send_head)
        else:
            self.send(data)

    def _send_head(self) -> None:
        if self._head:
            self.send(b"")

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send these bytes soon, in the order of the writes; send nothing after the end of the stream.

        An application may still ask for a body that was refused: the transport would raise, amid the answers of others.
        """
        if self._is_ended:
            return
        if self._head:
            head, self._head = self._head, b""
            data = b"".join((head, data))
        outbox = self._outbox
        if self._round == outbox.round:
            self._round = outbox.begin()
        else:
            self._round = outbox.round
            outbox.count += 1
        if outbox.together == 1 and not self._parts:
            self._transport.write(data)
            return
        self._parts.append(data)
        self._size += len(data)
        if len(self._parts) == 1:
            outbox.add(self, self._loop)
        elif self._size > _SIZE_MAX:
            self.flush()

    def flush(self) -> None:
        """Send the bytes that were held back, unless the connection is lost."""
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def write_eof(self) -> None:
        """Send the bytes that were held back, and close the sending side."""
        self._send_head()
        self.flush()
        self._is_ended = True
        self._transport.write_eof()

    def end(self) -> None:
        """The connection is lost: drop the bytes that were held back, and ignore later writes.

        uvicorn marks only the last request of a connection as disconnected. Those before it still write their answers.
        """
        self._is_ended, self._head, self._parts = True, b"", []

    def close(self) -> None:
        """Send, and close."""
        self._send_head()
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._head, self._parts = b"", []
        self._transport.abort()

    def can_write_eof(self) -> bool:
        """Tell whether the transport can say that nothing follows."""
        return self._transport.can_write_eof()

    def is_closing(self) -> bool:
        """Tell whether the transport is closed or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the connection from the transport."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Pause reading from the client."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading."""
        self._transport.resume_reading()
