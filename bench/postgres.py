"""The cost of a verification on PostgreSQL without memory. Connections use TCP, as they do in production.

A loop that asks and does nothing else keeps the processor of PostgreSQL awake; after a pause of 20 µs it has to wake,
which on a virtual machine can cost three times the lookup. So the bare lookup is measured with a pause, too.
"""

import asyncio
import itertools
import random
import time

import psycopg

from tests.servers.postgres import Postgres
from tokenry import AsyncTokenry, Settings, Tokenry
from tokenry.config import fresh_keyring

from .loads import free_port
from .measure import ROUNDS, Report, seconds_each
from .population import fill_postgres

IP = "203.0.113.7"
ASKED = ["read:projects"]
CALLERS = 64
FORGETFUL = Settings(memory_entries=0)
KEYS = 50_000
CALLS = 3_000
PAUSE = 20e-6
"""About what a verification does beside its lookup."""


def on_postgres(report: Report) -> None:
    """One synchronous caller beside a bare prepared lookup, and 64 callers on one event loop."""
    report.title(f"Verify on PostgreSQL ({KEYS:,} keys, no memory)")
    port = free_port()
    server = Postgres(settings={"listen_addresses": "127.0.0.1", "port": str(port)}).start()
    try:
        name = server.create_database().split("@/")[1].split("?")[0]
        url, keyring = f"postgresql://postgres@127.0.0.1:{port}/{name}", fresh_keyring()
        with Tokenry(url, keyring=keyring, settings=FORGETFUL) as tk:
            texts = fill_postgres(tk, url, KEYS)
            chosen = random.Random(1).sample(texts, 5_000)
            turn = itertools.cycle(chosen)
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.cursor(binary=True)
                kids = itertools.cycle([text[-73:-57] for text in chosen])
                lookup = "SELECT digest, key_id FROM tokenry_secret WHERE kid = %s"

                def bare() -> None:
                    cursor.execute(lookup, (next(kids),), prepare=True).fetchone()

                def paused() -> None:
                    bare()
                    until = time.perf_counter() + PAUSE
                    while time.perf_counter() < until:
                        pass

                ours = reference = tight = float("inf")
                for _ in range(ROUNDS):
                    ours = min(ours, seconds_each(lambda: tk.verify(next(turn), scopes=ASKED, ip=IP), CALLS, 1))
                    tight = min(tight, seconds_each(bare, CALLS, 1))
                    reference = min(reference, seconds_each(paused, CALLS, 1) - PAUSE)
            message = f"bare prepared lookup {reference * 1e6:.0f} µs, {tight * 1e6:.0f} without a pause"
            report.line(
                "one synchronous caller",
                f"{ours * 1e6:.0f} µs",
                f"{message}; ratio {ours / reference:.2f}, at most 1.5",
                ours / reference <= 1.5,
            )
        rate = asyncio.run(_gathered(url, keyring, chosen))
        report.line(f"{CALLERS} callers on one event loop, a second", f"{rate:,.0f}", "at least 40,000", rate >= 40_000)
    finally:
        server.stop()


async def _gathered(url: str, keyring: object, texts: list[str]) -> float:
    async with AsyncTokenry(url, keyring=keyring, settings=FORGETFUL) as tk:  # type: ignore[arg-type]
        turn = itertools.cycle(texts)

        async def caller(count: int) -> None:
            for _ in range(count):
                verdict = await tk.verify(next(turn), scopes=ASKED, ip=IP)
                assert verdict

        await asyncio.gather(*(caller(20) for _ in range(CALLERS)))
        best = 0.0
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            await asyncio.gather(*(caller(300) for _ in range(CALLERS)))
            best = max(best, CALLERS * 300 / (time.perf_counter() - begin))
    return best
