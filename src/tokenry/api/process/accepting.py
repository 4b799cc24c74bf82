"""Accepting TLS connections: a handshake has a time limit, and unfinished ones are few and count as connections.

uvicorn's listeners give a client a minute to end its handshake, and count the connection only afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

HANDSHAKE_SECONDS = 5.0
FAREWELL_SECONDS = 1.0
"""How long a client may take to agree to the end of a connection. The default of 30 seconds would delay a stop."""

GREETING_MAX = 256
"""How many handshakes run at once. A further one ends the oldest: an honest handshake takes milliseconds."""

_AT_ONCE = 16
_PAUSE_SECONDS = 0.5
"""How long no connection is accepted when the process has no more file descriptors."""


class Door:
    """One TLS listener. It has what uvicorn asks of a server: `close` and `wait_closed`."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[], Any],
        has_room: Callable[[int], bool],
    ) -> None:
        self._listener = listener
        self._context = context
        self._protocol = protocol
        self._has_room = has_room
        self._greeting: dict[asyncio.Task[None], None] = {}  # in the order in which they began
        self._loop = asyncio.get_running_loop()
        self._is_open = False

    def open(self) -> None:
        """Begin to accept connections."""
        self._is_open = True
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._listener.fileno())

    async def wait_closed(self) -> None:
        """End the handshakes that are under way."""
        for task in self._greeting:
            task.cancel()

    def take(self, clients: Sequence[socket.socket]) -> None:
        """Begin the handshakes of accepted clients; close connections beyond the limit."""
        greeting = self._greeting
        for client in clients:
            if not self._has_room(0):
                client.close()
                continue
            if len(greeting) >= GREETING_MAX or not self._has_room(len(greeting)):
                oldest = next(iter(greeting))
                del greeting[oldest]
                oldest.cancel()
            task = self._loop.create_task(self._greet(client))
            greeting[task] = None
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._greeting.pop(task, None)

    def _accept(self) -> None:
        taken: list[socket.socket] = []
        try:
            while len(taken) < _AT_ONCE:
                taken.append(self._listener.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass
        except OSError:
            self.close()
            self._loop.call_later(_PAUSE_SECONDS, self.open)
        self.take(taken)

    async def _greet(self, client: socket.socket) -> None:
        client.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(
                self._protocol,
                client,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=FAREWELL_SECONDS,
            )
        except (OSError, TimeoutError, asyncio.CancelledError):
            with contextlib.suppress(OSError):
                client.close()
