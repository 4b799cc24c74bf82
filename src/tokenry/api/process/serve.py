"""One process of the server: from its listening sockets to its last answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from tokenry.aio import AsyncTokenry
from tokenry.installation import Installation

from ..app import Served, create_app
from ..hot.lane import protocol
from ..threads import in_thread
from .accepting import Door
from .collecting import Collecting
from .deliveries import Deliveries
from .health import Operations, Readiness
from .listening import load_certificate, turn_away
from .logs import configure, log
from .metrics import Metrics
from .settings import ServerSettings

_BACKLOG = 2048
_ARRIVING_SECONDS = 0.1
"""How long connections under way may take to arrive, after new ones are refused."""
_FAREWELL_SECONDS = 1.0
"""How long answers say `Connection: close` before silent connections are closed."""
_STEP_SECONDS = 0.02
_SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while the event loop wants it. Python's default is ten times as long."""
_LAST_WORDS_SECONDS = 2.0
"""The part of `shutdown_seconds` that is left to write counters, after requests have had their time."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a process among the workers on the same sockets."""

    worker: int = 0
    lifeline: int | None = None
    """The end of a pipe that closes when the parent has gone."""
    meeting: Path | None = None
    """The directory where the workers find one another."""


def serve_process(
    installation: Installation,
    settings: ServerSettings,
    sockets: Sequence[socket.socket],
    started: Callable[[], None] = lambda: None,
    place: Place | None = None,
) -> None:
    """Answer on `sockets` until SIGTERM or SIGINT, or until the parent has gone."""
    configure(settings)
    config = _config(settings)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(installation, settings, config, sockets, started, place or Place()))


async def _serve(
    installation: Installation,
    settings: ServerSettings,
    config: uvicorn.Config,
    sockets: Sequence[socket.socket],
    started: Callable[[], None],
    place: Place,
) -> None:
    # If `tokenry worker` delivers, that process has to reach the file, too.
    alone = installation.database_file is not None and settings.workers == 1 and settings.deliver_webhooks
    delivers = settings.deliver_webhooks and place.worker == 0
    engine = dataclasses.replace(installation.settings, exclusive=alone, background=True, worker=delivers)
    async with AsyncTokenry(installation.database_url, keyring=installation.keyring, settings=engine) as tk:
        served, readiness = Served(tk, settings), Readiness(tk)
        server = Server(config, settings, readiness, sockets, started, served.arrivals.end)
        metrics = Metrics(
            served.counters,
            connections=lambda: len(server.server_state.connections),
            ready=readiness,
            fence=readiness.fence,
            waiting=lambda: served.arrivals.count,
            delivering=Deliveries(served.sync),
            worker=place.worker,
            workers=settings.workers,
            meeting=place.meeting,
        )
        config.app = create_app(served, Operations(readiness, metrics))
        config.http = protocol(served)
        if place.lifeline is not None:
            asyncio.get_running_loop().add_reader(place.lifeline, server.end)
        await in_thread(int)  # starting the first thread loads modules, which takes 50 ms
        sys.setswitchinterval(_SWITCH_SECONDS)
        state, counters = server.server_state, served.counters
        async with Collecting(lambda: state.total_requests + counters.lane_count).running(), metrics.shared():
            await server.serve(list(sockets))
    log.info("stopped", worker=place.worker)


def _config(settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app="",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds - _FAREWELL_SECONDS - _LAST_WORDS_SECONDS)),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


class Server(uvicorn.Server):
    """uvicorn's server, which answers every request that has reached it before it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        settings: ServerSettings,
        readiness: Readiness,
        sockets: Sequence[socket.socket],
        started: Callable[[], None],
        ending: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._readiness = readiness
        self._listeners = list(sockets)
        self._queues = [listener.dup() for listener in sockets]
        self._tell_started = started
        self._ending = ending
        self._doors: list[Door] = []

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C stops at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.end()

    def end(self) -> None:
        """Begin to stop, and end this process when its time is up, even if something hangs."""
        if not self.should_exit:
            self.should_exit = True
            watchdog = threading.Timer(self._settings.shutdown_seconds - 0.5, _give_up)
            watchdog.daemon = True
            watchdog.start()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, and log that."""
        if self.config.ssl is None:
            await super().startup(sockets)
        else:
            self._doors = [Door(one, self.config.ssl, self._protocol, self._has_room) for one in self._listeners]
            self.servers = list(self._doors)  # type: ignore[arg-type]
            for door, listener in zip(self._doors, self._listeners, strict=True):
                listener.listen(self.config.backlog)
                listener.setblocking(False)
                door.open()
            self.started = True
        # On a terminal, SIGHUP ends a server without TLS.
        if self._settings.tls_certificate is not None or not sys.stdin.isatty():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._renew_certificate)
        if self.started:
            self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new connections, answer every request that has arrived, and close each connection when it is idle.

        Closing a listening socket resets the connections in its queue, so new connections are refused first and the
        queue is emptied. Closing an idle connection may cross the next request on it, so every answer says
        `Connection: close` for a while before silent connections are closed.
        """
        log.info("shutting down", connections=len(self.server_state.connections))
        self._readiness.draining = True
        self._ending()
        # With several workers the parent does this: the others go on listening when one ends.
        if self._settings.workers == 1:
            turn_away(self._listeners)
        await asyncio.sleep(_ARRIVING_SECONDS)
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)
        await self._take_queued()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await self._see_off()
        for connection in list(self.server_state.connections):
            connection.hurry()  # type: ignore[union-attr]
        cutting = asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, self._cut)
        await super().shutdown(sockets)
        cutting.cancel()

    def _cut(self) -> None:
        """Give up clients that do not read their last answer."""
        for connection in list(self.server_state.connections):
            connection.cut()  # type: ignore[union-attr]

    async def _see_off(self) -> None:
        """Wait for connections to end; after the first second wait only for incomplete requests."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while clock() - began < 2 * _FAREWELL_SECONDS:
            left: Any = self.server_state.connections
            if clock() - began >= _FAREWELL_SECONDS:
                left = [connection for connection in left if connection.is_receiving]
            if not left or self.force_exit:
                return
            await asyncio.sleep(_STEP_SECONDS)

    async def _take_queued(self) -> None:
        loop, taken = asyncio.get_running_loop(), []
        for queue in self._queues:
            queue.setblocking(False)
            with contextlib.suppress(BlockingIOError, InterruptedError):
                while True:
                    taken.append(queue.accept()[0])
            queue.close()
        if self._doors:
            self._doors[0].take(taken)
            return
        # At once: one after the other takes as many turns of the loop, each of which is long under a flood.
        await asyncio.gather(*[loop.connect_accepted_socket(self._protocol, one) for one in taken])

    def _has_room(self, arriving: int) -> bool:
        """Return whether one more connection may begin, besides this many that are arriving."""
        return len(self.server_state.connections) + arriving < self._settings.connections_max

    def _protocol(self) -> Any:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _renew_certificate(self) -> None:
        """Load a renewed certificate on SIGHUP; existing connections keep the old one."""
        if self.config.ssl is None:
            return  # without TLS `systemctl reload` has no effect
        try:
            load_certificate(self._settings, self.config.ssl)
            log.info("certificate renewed")
        except OSError as error:  # ssl.SSLError is one, too
            log.error("the new certificate cannot be used, the old one stays", reason=str(error))


def _give_up() -> None:
    log.error("did not end in time: gone without writing what was counted last")
    os._exit(1)
