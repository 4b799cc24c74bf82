"""`GET /v1/export` of a caller who wants all lines at once: pages of the export, one after the other, as NDJSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from tokenry.edge import encode
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, Receive, Send
from tokenry.operations import OPERATIONS, Operation
from tokenry.types import ExportLine, Page

from .callers import Call
from .performing import Arguments, perform

_LIST: Final = OPERATIONS["exports.list"]
_MEDIA_TYPE: Final = b"application/x-ndjson"


def wants_lines(operation: Operation, headers: Fields) -> bool:
    """Tell whether a client asks for a whole export as NDJSON."""
    return operation is _LIST and any(name == b"accept" and _MEDIA_TYPE in value.lower() for name, value in headers)


class Lines:
    """An export whose first page was found. Call it to send that and all others."""

    def __init__(self, call: Call, slug: str, given: Arguments, first: Page[ExportLine], receive: Receive) -> None:
        self._call = call
        self._slug = slug
        self._given = {"limit": 100, **given}
        self._page = first
        self._receive = receive

    @classmethod
    async def open(cls, call: Call, slug: str, given: Arguments, receive: Receive) -> Lines:
        """Begin an export, so that every error is answered before the head of the response is sent."""
        return cls(call, slug, given, await perform(_LIST, call, slug, given), receive)

    async def __call__(self, send: Send, request_id: str) -> None:
        """Send all lines. The last line says `end`, or the error that stopped the export."""
        head = [(b"content-type", _MEDIA_TYPE), (b"cache-control", b"no-store"), (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        gone: asyncio.Task[object] = asyncio.ensure_future(self._receive())
        try:
            async for part in self._parts(gone):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            last = b'{"kind":"end"}\n'
        except Exception as error:
            last = b'{"kind":"error","problem":%b}\n' % problems.of(error).body(request_id)
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": last})

    async def _parts(self, gone: asyncio.Task[object]) -> AsyncIterator[bytes]:
        while not gone.done():
            yield b"".join([encode(line) + b"\n" for line in self._page])
            if self._page.next_cursor is None:
                return
            given = {**self._given, "cursor": self._page.next_cursor}
            self._page = await perform(_LIST, self._call, self._slug, given)
