"""How junk slows honest callers: the same paced requests beside 5,000 made-up credentials a second.

The flood needs a processor, too, and other work on that processor waits. So the reference is the same flood at an
nginx beside the server, which answers from its configuration.
"""

import asyncio
import base64
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from multiprocessing.connection import Connection
from typing import NamedTuple

from tokenry import Tokenry
from tokenry.core.secret import make_kid, mint

from .loads import CONNECTIONS, free_port, nginx, request_bytes
from .measure import Report
from .server import served

JUNK_RATE = 5_000
HONEST_RATE = 800
SECONDS = 2.0
ROUNDS = 3
ADDRESSES = 5_000
"""So many clients send the junk, so that few of them come so far as to be throttled."""
_JUNK_CONNECTIONS = 64
_TICK_SECONDS = 0.0002


class Felt(NamedTuple):
    """How long honest requests took, in milliseconds, and how much junk was answered meanwhile, a second."""

    p99: float
    p50: float
    junk_rate: float


def beside_junk(report: Report) -> None:
    """Measure honest requests alone and beside floods, in turn; the best round of each counts."""
    report.title(f"Honest requests beside {JUNK_RATE:,} bad ones a second (SQLite, one worker)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            key, access = str(tk.keys.issue("user", name="honest").secret), str(tk.sessions.start("user").access)
        with served(folder, url) as server:
            made_up, forged, elsewhere = [*_keys()], [*_tokens(access)], free_port()
            floods = {
                "nothing": ([], server.port),
                "a flood at nginx": (made_up, elsewhere),
                "made-up keys": (made_up, server.port),
                "forged access tokens": (forged, server.port),
            }
            felt: dict[str, list[Felt]] = {name: [] for name in floods}
            with nginx(elsewhere, "location / { return 401 '{}'; }"):
                for _ in range(ROUNDS):
                    for name, (junk, port) in floods.items():
                        felt[name].append(measured(server.port, asked(key, "203.0.113.7"), junk, port))
    alone, reference = min(felt.pop("nothing")), min(felt.pop("a flood at nginx"))
    report.line("honest requests alone, p99", f"{alone.p99:.2f} ms", f"p50 {alone.p50:.2f} ms")
    report.line("beside a flood at an nginx, p99", f"{reference.p99:.2f} ms", f"p50 {reference.p50:.2f} ms")
    for name, rounds in felt.items():
        best = min(rounds)
        message = (
            f"p50 {best.p50:.2f} ms; {best.p99 / reference.p99:.1f} times, at most 2; {best.junk_rate:,.0f} a second"
        )
        sent = best.junk_rate > 0.95 * JUNK_RATE
        report.line(f"beside {name}, p99", f"{best.p99:.2f} ms", message, sent and best.p99 <= 2 * reference.p99)


def asked(credential: str, ip: str) -> bytes:
    return request_bytes("GET", "/v1/auth", {"Authorization": f"Bearer {credential}", "X-Forwarded-For": ip})


def _keys() -> Iterator[bytes]:
    """Yield requests with keys that are whole but for their tag, which nobody without the keyring can make."""
    for number in range(ADDRESSES):
        text = mint("tk_live", make_kid(os.urandom(16)), os.urandom(32), b"not the keyring")
        yield asked(text, address(number))


def _tokens(genuine: str) -> Iterator[bytes]:
    """Yield requests with tokens that say what a genuine one does, with another `jti` and another signature."""
    head, payload, _ = genuine.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    for number in range(ADDRESSES):
        claims["jti"] = claims["jti"][:-22] + _text(os.urandom(16))
        forged = f"{head}.{_text(json.dumps(claims).encode())}.{_text(os.urandom(64))}"
        yield asked(forged, address(number))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def address(number: int) -> str:
    return f"198.18.{number // 250}.{number % 250 + 1}"


def measured(port: int, honest: bytes, junk: list[bytes], flooded: int, rate: int = JUNK_RATE) -> Felt:
    """Send honest requests at their pace, with a flood from a process of its own beside them if there is junk."""
    ours, theirs = multiprocessing.Pipe()
    flood = multiprocessing.Process(target=_flood, args=(flooded, junk, rate, theirs))
    if junk:
        flood.start()
        ours.recv()  # it flows
    took = sorted(asyncio.run(_all(port, honest)))
    reached = 0.0
    if junk:
        ours.send("enough")
        reached = ours.recv()
        flood.join()
    return Felt(took[len(took) * 99 // 100] * 1000, took[len(took) // 2] * 1000, reached)


async def _all(port: int, request: bytes) -> list[float]:
    every = CONNECTIONS / HONEST_RATE
    began = time.perf_counter() + 0.05
    found = await asyncio.gather(
        *[_paced(port, request, began + every * place / CONNECTIONS, every) for place in range(CONNECTIONS)]
    )
    return [one for took in found for one in took]


async def _paced(port: int, request: bytes, begin: float, every: float) -> list[float]:
    """Send a request whenever one is due, and take its time from when it was: a stall counts for all that it delays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for number in range(int(SECONDS / every)):
        due = begin + number * every
        now = time.perf_counter()
        if now < due:
            await asyncio.sleep(due - now)
            due = time.perf_counter()  # a timer that is late is not the server's doing
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        took.append(time.perf_counter() - due)
    writer.close()
    return took


def _flood(port: int, junk: list[bytes], rate: int, pipe: Connection) -> None:
    asyncio.run(_flow(port, junk, rate, pipe.send, pipe.poll))


async def _flow(
    port: int, junk: list[bytes], rate: int, tell: Callable[[object], None], is_over: Callable[[], bool]
) -> None:
    """Send junk at its rate, pipelined over some connections, until somebody says that it is enough."""
    talks = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_JUNK_CONNECTIONS)]
    answered = [0] * _JUNK_CONNECTIONS
    reading = [asyncio.create_task(_count(reader, answered, place)) for place, (reader, _) in enumerate(talks)]
    texts, sent, began = cycle(junk), 0, time.perf_counter()
    tell("it flows")
    while not is_over():
        due = int((time.perf_counter() - began) * rate) - sent
        for place in range(due):
            talks[(sent + place) % _JUNK_CONNECTIONS][1].write(next(texts))
        sent += due
        await asyncio.sleep(_TICK_SECONDS)
    reached = sum(answered) / (time.perf_counter() - began)
    for task in reading:
        task.cancel()
    for _, writer in talks:
        writer.close()
    tell(reached)


async def _count(reader: asyncio.StreamReader, answered: list[int], place: int) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 401", b"HTTP/1.1 429")), head
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        answered[place] += 1
