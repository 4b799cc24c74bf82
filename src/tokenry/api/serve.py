"""One process of the server: from its listening sockets to its last answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn

from tokenry.aio import AsyncTokenry
from tokenry.installation import Installation
from tokenry.types import ConfigError

from .app import Served, create_app
from .lane import protocol
from .logs import configure, slow_statements
from .metrics import Metrics
from .operations import Operations, Readiness
from .settings import ServerSettings

_BACKLOG = 2048
_FAREWELL_SECONDS = 1.0
"""How long connections that are kept alive are told to close before those that stay silent are closed."""
_STEP_SECONDS = 0.02
_LAST_WORDS_SECONDS = 2.0
"""What is left of `shutdown_seconds` to write what was counted, after requests have had their time."""
_log = structlog.stdlib.get_logger("tokenry.server")


def listen(settings: ServerSettings) -> list[socket.socket]:
    """Take the address, so that nobody else can; connections are accepted when there is something to answer them."""
    if settings.unix_socket is not None:
        return [_unix_socket(settings.unix_socket)]
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise ConfigError(
            f"cannot listen on {where}: {error.strerror}. Choose another with --host and --port"
        ) from None
    return [listener]


def _unix_socket(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigError(f"{path} is there already and is no socket")
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            raise ConfigError(f"another server listens on {path}")
        path.unlink()  # left over by a server that was killed
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
    except OSError as error:
        raise ConfigError(f"cannot listen on {path}: {error.strerror}") from None
    return listener


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands among those that answer on the same sockets."""

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
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner, slow_statements(settings):
        runner.run(_serve(installation, settings, config, sockets, started, place or Place()))


async def _serve(
    installation: Installation,
    settings: ServerSettings,
    config: uvicorn.Config,
    sockets: Sequence[socket.socket],
    started: Callable[[], None],
    place: Place,
) -> None:
    alone = installation.database_file is not None
    engine = dataclasses.replace(installation.settings, exclusive=alone, background=True)
    async with AsyncTokenry(installation.database_url, keyring=installation.keyring, settings=engine) as tk:
        served, readiness = Served(tk, settings), Readiness(tk)
        server = Server(config, settings, readiness, sockets, started)
        metrics = Metrics(
            served.counters,
            connections=lambda: len(server.server_state.connections),
            ready=readiness.last,
            worker=place.worker,
            workers=settings.workers,
            meeting=place.meeting,
        )
        config.app = create_app(served, Operations(readiness, metrics))
        config.http = protocol(served)
        if place.lifeline is not None:
            asyncio.get_running_loop().add_reader(place.lifeline, server.end)
        gc.collect()
        gc.freeze()  # what is here now stays to the end: the collector need not look at it again
        async with metrics.shared():
            await server.serve(list(sockets))
    _log.info("stopped", worker=place.worker)


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
    """uvicorn's server, which ends without leaving a request unanswered that has reached it."""

    def __init__(
        self,
        config: uvicorn.Config,
        settings: ServerSettings,
        readiness: Readiness,
        sockets: Sequence[socket.socket],
        started: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._readiness = readiness
        self._queues = [listener.dup() for listener in sockets]
        self._tell_started = started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second Ctrl-C ends at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.end()

    def end(self) -> None:
        """Begin to end, and see to it that this process has gone when its time is up, whatever hangs."""
        if not self.should_exit:
            self.should_exit = True
            watchdog = threading.Timer(self._settings.shutdown_seconds - 0.5, _give_up)
            watchdog.daemon = True
            watchdog.start()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, and say so."""
        await super().startup(sockets)
        if self._settings.tls_certificate is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._renew_certificate)
        if self.started:
            self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, answer what has arrived, and part from every client in its own time.

        Closing a listening socket resets the connections that wait in its queue, and closing a connection that is kept
        alive may cross the next request on it. So the queue is emptied first, and every answer says `Connection: close`
        for a while before the silent connections are closed.
        """
        _log.info("shutting down", connections=len(self.server_state.connections))
        self._readiness.draining = True
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)
        await self._take_queued()
        await self._see_off()
        await super().shutdown(sockets)

    async def _see_off(self) -> None:
        steps = range(int(_FAREWELL_SECONDS / _STEP_SECONDS))
        for _ in steps:
            if not self.server_state.connections or self.force_exit:
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
        for connection in taken:
            await loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)

    def _protocol(self) -> Any:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _renew_certificate(self) -> None:
        """Take a renewed certificate over, on SIGHUP; connections that exist keep theirs."""
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        try:
            assert self.config.ssl is not None
            assert certificate is not None
            self.config.ssl.load_cert_chain(certificate, key)
            _log.info("certificate renewed")
        except OSError as error:  # ssl.SSLError is one, too
            _log.error("the new certificate cannot be used, the old one stays", reason=str(error))


def _give_up() -> None:
    _log.error("did not end in time: gone without writing what was counted last")
    os._exit(1)
