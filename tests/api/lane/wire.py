"""A connection in memory: the protocol is fed exactly these pieces, and what it writes is kept."""

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from tokenry.api.app import Served

PEER = "198.51.100.9"


class Wire(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str | None) -> None:
        super().__init__()
        self.loop = loop
        self.peer = peer
        self.written = bytearray()
        self.writes = 0
        self.is_ended = False
        self.is_paused = False
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": (self.peer, 4711), "sockname": ("127.0.0.1", 80)}.get(name) if self.peer else default

    def write(self, data: bytes) -> None:
        assert not self.is_ended, "nothing is written to a connection that was closed"
        self.writes += 1
        self.written += data

    def close(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self.loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.is_ended

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Talk:
    """One connection to one protocol."""

    def __init__(self, kind: Any, app: Any, peer: str | None = PEER, keep_alive: float = 5) -> None:
        config = uvicorn.Config(
            app,
            http=kind,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=keep_alive,  # type: ignore[arg-type]
        )
        config.load()
        self.state = ServerState()
        self.wire = Wire(asyncio.get_running_loop(), peer)
        self.wire.protocol = self.protocol = kind(config, self.state, {})
        self.protocol.connection_made(self.wire)

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Feed pieces, as the loop would: none while reading is paused or after the end."""
        for piece in pieces:
            for _ in range(400):
                if not self.wire.is_paused or self.protocol.flow.write_paused:
                    break
                await self._tasks()
            if self.wire.is_ended:
                return
            self.protocol.data_received(piece)
            await asyncio.sleep(0)

    async def _tasks(self) -> None:
        if self.state.tasks:
            # A request that waits for a lookup alone has no task.
            under_way = [one for one in self.state.tasks if isinstance(one, asyncio.Task)]
            await asyncio.wait(under_way or [asyncio.get_running_loop().create_future()], timeout=0.01)
        await asyncio.sleep(0)

    async def answers(self) -> bytes:
        """Return everything that was written once nothing is under way any more."""
        for _ in range(100):
            for _ in range(20):
                await asyncio.sleep(0)
            cycle = self.protocol.cycle
            waits = cycle is not None and not cycle.response_complete and cycle.more_body
            if not self.state.tasks or self.protocol.flow.write_paused or (waits and not self.protocol.pipeline):
                break
            await self._tasks()
        return bytes(self.wire.written)

    async def end(self) -> None:
        """Close the connection."""
        self.wire.close()
        await asyncio.sleep(0)
        while self.state.tasks:
            await self._tasks()


async def talk(served: Served, kind: Any, app: Any, pieces: Iterable[bytes], **about: Any) -> tuple[bytes, bool]:
    """Return what a connection answers to these pieces, and whether it was closed."""
    one = Talk(kind, app, **about)
    await one.send(pieces)
    answers, closed = await one.answers(), one.wire.is_ended
    await one.end()
    return normal(answers), closed


_ID = re.compile(rb"[0-9a-f]{12}-[0-9a-f]+")


def normal(answers: bytes) -> bytes:
    """Return answers without what differs from one request to the next."""
    return _ID.sub(lambda found: b"i" * len(found[0]), answers)
