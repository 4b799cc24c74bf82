"""What a verification costs on SQLite: from memory, and with memory off among many keys."""

import asyncio
import gc
import hashlib
import itertools
import random
import sqlite3
import tempfile
import time
import tracemalloc

from tokenry import AsyncTokenry, Limit, Settings, Tokenry

from .measure import ROUNDS, Report, seconds_each
from .population import fill_sqlite

IP = "203.0.113.7"
ASKED = ["read:projects"]
CALLS = 20_000


def from_memory(report: Report) -> None:
    """One scope, one address and one limit asked, of a key that is remembered."""
    report.title("Verify from memory (one scope, one address, one limit)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            limits = [Limit("default", 10**9, 3600)]
            issued = tk.keys.issue("user", name="key", scopes=ASKED, allowed_ips=["203.0.113.0/24"], limits=limits)
        text = str(issued.secret)
        bare = seconds_each(lambda: hashlib.sha256(text.encode()).digest(), CALLS)
        for name, exclusive, mark in (("a lone process", True, 5.0), ("several on one SQLite file", False, 10.0)):
            with Tokenry(url, settings=Settings(exclusive=exclusive)) as tk:
                each = seconds_each(lambda: tk.verify(text, scopes=ASKED, ip=IP), CALLS) * 1e6  # noqa: B023
            reference = f"at most {mark:g} µs; bare sha256 {bare * 1e6:.2f} µs"
            report.line(name, f"{each:.2f} µs", reference, each <= mark)
        asyncio.run(_async_from_memory(report, url, text))


async def _async_from_memory(report: Report, url: str, text: str) -> None:
    async with AsyncTokenry(url, settings=Settings(exclusive=True)) as tk:
        sync = best = float("inf")
        for _ in range(ROUNDS * 2):
            begin = time.perf_counter()
            for _ in range(CALLS):
                await tk.verify(text, scopes=ASKED, ip=IP)
            best = min(best, (time.perf_counter() - begin) / CALLS * 1e6)
            sync = min(sync, seconds_each(lambda: tk._sync.verify(text, scopes=ASKED, ip=IP), CALLS, 1) * 1e6)
    report.line(
        "the async face, lone",
        f"{best:.2f} µs",
        f"sync in the same run {sync:.2f} µs, at most 1 more",
        best <= sync + 1,
    )


def without_memory(report: Report, count: int) -> None:
    """Every verification a lookup, at ten thousand keys and at many."""
    report.title(f"Verify with memory off (SQLite, {count:,} keys)")
    few, _ = _without_memory(10_000)
    many, bare = _without_memory(count)
    report.line("verifications a second", f"{1 / many:,.0f}", "at least 30,000", 1 / many >= 30_000)
    report.line(
        "share of a bare sha256 + prepared SELECT",
        f"{bare / many:.2f}",
        f"bare: {1 / bare:,.0f}/s; at least 0.25",
        bare / many >= 0.25,
    )
    report.line(f"cost at {count:,} against 10,000 keys", f"{many / few:.2f}", "at most 1.6", many / few <= 1.6)


def _without_memory(count: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/keys.db"
        with Tokenry(f"sqlite:///{path}", settings=Settings(memory_entries=0)) as tk:
            texts = fill_sqlite(tk, path, count)
            chosen = random.Random(1).sample(texts, 10_000)
            kids = [text[-73:-57] for text in chosen]
            turn, bare_turn = itertools.cycle(chosen), itertools.cycle(zip(chosen, kids, strict=True))
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA mmap_size = 268435456")

            def bare() -> None:
                text, kid = next(bare_turn)
                hashlib.sha256(text.encode()).digest()
                connection.execute("SELECT digest, key_id FROM tokenry_secret WHERE kid = ?", (kid,)).fetchone()

            ours = seconds_each(lambda: tk.verify(next(turn), scopes=ASKED, ip=IP), CALLS)
            reference = seconds_each(bare, CALLS)
            connection.close()
    return ours, reference


def remembered(report: Report, count: int) -> None:
    """What a remembered key takes, and how long the collector stops for all of them."""
    report.title(f"Memory ({count:,} remembered keys)")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/keys.db"
        with Tokenry(f"sqlite:///{path}", settings=Settings(memory_entries=count, exclusive=True)) as tk:
            texts = fill_sqlite(tk, path, count)
            sample = max(1, count // 10)
            tk.verify(texts[0])
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            grants = dict(_remember(tk, texts[:sample]))
            each = (tracemalloc.get_traced_memory()[0] - before) / sample
            tracemalloc.stop()
            del grants
            tk._tally.drain()
            report.line("bytes a remembered key", f"{each:.0f}", "at most 600", each <= 600)
            for text in texts[sample:]:
                tk.verify(text, ip=IP)
            tk.flush()
            del texts
            pause = _pause()
            report.line("longest garbage collection", f"{pause * 1000:.1f} ms", "at most 20 ms", pause <= 0.020)
            begin = time.perf_counter()
            tk._memory.clear()
            took = time.perf_counter() - begin
            report.line(
                "forgetting all of them stops the caller for",
                f"{took * 1000:.2f} ms",
                "freed in slices beside the requests",
            )


def _remember(tk: Tokenry, texts: list[str]) -> list[tuple[str, str]]:
    for text in texts:
        tk.verify(text, ip=IP)
    tk._tally.drain()
    return []


def _pause() -> float:
    gc.collect()
    pauses = []
    for _ in range(5):
        begin = time.perf_counter()
        gc.collect()
        pauses.append(time.perf_counter() - begin)
    return min(pauses)
