"""ASGI as every application here speaks it: its types, fields as bytes and as texts, a body, and an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from .problems import Failed, problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields: TypeAlias = list[tuple[bytes, bytes]]
POLICY_VIOLATION: Final = 1008
"""The code that closes a WebSocket whose credential was refused."""


def raw(fields: Iterable[tuple[str, str]]) -> Fields:
    """Return header fields as ASGI has them."""
    return [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in fields]


def texts(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return header fields as texts."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


def lines(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return header fields as they stand on the wire."""
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in fields]).encode("latin-1", "replace")


async def read_body(receive: Receive, length: bytes | None, bytes_max: int) -> bytes:
    """Return the whole body of a request; raise Failed as soon as it shows that it is too large, or cut short.

    `length` is the value of `Content-Length`.
    """
    parts: list[bytes] = []
    size, result = 0, int(length) if length is not None and length.isdigit() else 0
    while max(size, result) <= bytes_max:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Failed(problem("bad_request", "The connection ended before the body."))
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body") and size <= bytes_max:
            return b"".join(parts)
    raise Failed(problem("body_too_large", f"The body is larger than {bytes_max // 1024} KiB."))


async def respond(
    send: Send, status: int, body: bytes, fields: Fields, *, is_head: bool = False, begin: str = "http.response"
) -> None:
    """Send an answer; to a HEAD without its body."""
    if status != 204:
        fields = [*fields, (b"content-length", b"%d" % len(body))]
    await send({"type": f"{begin}.start", "status": status, "headers": fields})
    await send({"type": f"{begin}.body", "body": b"" if is_head else body})


async def live(receive: Receive, send: Send) -> None:
    """Start and end with the server. The caller opens and closes what is served."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
