"""The cost of a verification on SQLite: from memory, and with memory off among many keys."""

import asyncio
import gc
import hashlib
import itertools
import random
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta

from tokenry import AsyncTokenry, Settings, Tokenry

from .measure import COMPILED, ROUNDS, Report, seconds_each
from .population import Like, fill_sqlite

IP = "203.0.113.7"
ASKED = ["read:projects"]
CALLS = 20_000


def from_memory(report: Report) -> None:
    """Ask one scope, one address and one limit of 1,000 remembered keys in rotation."""
    report.title("Verify from memory (one scope, one address, one limit; 1,000 keys)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            texts = fill_sqlite(tk, f"{folder}/keys.db", 1000, Like(limit=("hour", 10**9, 3600), use_count=1))
        asked = [(texts[number % 1000], f"203.0.113.{number % 251}") for number in range(CALLS)]
        bare = seconds_each(lambda: hashlib.sha256(texts[0].encode()).digest(), CALLS)
        for name, exclusive in (("a lone process", True), ("several on one SQLite file", False)):
            with Tokenry(url, settings=Settings(exclusive=exclusive)) as tk:
                turn = itertools.cycle(asked)

                def verify(tk: Tokenry = tk, turn: Iterator[tuple[str, str]] = turn) -> None:
                    text, ip = next(turn)
                    tk.verify(text, scopes=ASKED, ip=ip)

                each = seconds_each(verify, CALLS) * 1e6
            most = None if not exclusive else 2.6 if COMPILED else 3.6
            message = f"bare sha256 {bare * 1e6:.2f} µs" if most is None else f"at most {most:g} µs"
            report.line(name, f"{each:.2f} µs", message, None if most is None else each <= most)
        asyncio.run(_async_from_memory(report, url, asked))


async def _async_from_memory(report: Report, url: str, asked: list[tuple[str, str]]) -> None:
    async with AsyncTokenry(url, settings=Settings(exclusive=True)) as tk:
        sync = best = float("inf")
        for _ in range(ROUNDS * 2):
            begin = time.perf_counter()
            for text, ip in asked:
                await tk.verify(text, scopes=ASKED, ip=ip)
            middle = time.perf_counter()
            for text, ip in asked:
                tk._sync.verify(text, scopes=ASKED, ip=ip)
            best, sync = min(best, middle - begin), min(sync, time.perf_counter() - middle)
    best, sync = best / CALLS * 1e6, sync / CALLS * 1e6
    message = f"sync in the same run {sync:.2f} µs, at most 1 more"
    report.line("the async face, lone", f"{best:.2f} µs", message, best <= sync + 1)


def without_memory(report: Report, count: int) -> None:
    """Every verification a lookup, at ten thousand keys and at many."""
    report.title(f"Verify with memory off (SQLite, {count:,} keys)")
    few, _ = _without_memory(10_000)
    many, bare = _without_memory(count)
    report.line("each", f"{many * 1e6:.1f} µs", "at most 16", many <= 16e-6)
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
            random.Random(1).shuffle(texts)
            lookup = _naive_table(path, texts)
            turn, bare_turn = itertools.cycle(texts), itertools.cycle(texts)
            ours = reference = float("inf")
            for _ in range(ROUNDS):
                ours = min(ours, seconds_each(lambda: tk.verify(next(turn), scopes=ASKED, ip=IP), CALLS, 1))
                reference = min(reference, seconds_each(lambda: lookup(next(bare_turn)), CALLS, 1))
    return ours, reference


def _naive_table(path: str, texts: list[str]) -> Callable[[str], object]:
    """Make what people write first: one table, found by the sha256 of the key, and nothing checked."""
    connection = sqlite3.connect(path + ".naive", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE api_key (hash TEXT PRIMARY KEY, name, scopes, owner, expires_at, revoked)")
    rows = ((hashlib.sha256(text.encode()).hexdigest(), "name", "read:projects", "user", 0, 0) for text in texts)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO api_key VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    select = "SELECT name, scopes, owner, expires_at, revoked FROM api_key WHERE hash = ?"
    return lambda text: connection.execute(select, (hashlib.sha256(text.encode()).hexdigest(),)).fetchone()


def remembered(report: Report, count: int) -> None:
    """The memory of a remembered key, and the pause of the collector for all of them."""
    report.title(f"Memory ({count:,} remembered keys)")
    settings = Settings(memory_entries=count, exclusive=True, flush_interval=timedelta(hours=1))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/keys.db"
        with Tokenry(f"sqlite:///{path}", settings=settings) as tk:
            texts = fill_sqlite(tk, path, count)
            _present(tk, texts[:1000])
            empty = _pause()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            _present(tk, texts[1000:])
            each = (tracemalloc.get_traced_memory()[0] - before) / (count - 1000)
            tracemalloc.stop()
            report.line("bytes a remembered key", f"{each:.0f}", "at most 600", each <= 600)
            del texts
            full = _pause()
            reference = f"the same process without them: {empty * 1000:.1f} ms"
            report.line("a full garbage collection", f"{full * 1000:.1f} ms", reference)
            added = max(0.0, full - empty)
            report.line("of which they are the cause of", f"{added * 1000:.1f} ms", "at most 20 ms", added <= 0.020)
            bytearray(1_000_000)  # the first large piece of memory waits until what tracemalloc freed is put together
            begin = time.perf_counter()
            tk._memory.clear()
            took = time.perf_counter() - begin
            report.line("forgetting all of them stops the caller for", f"{took * 1000:.2f} ms", "freed in slices")


def _present(tk: Tokenry, texts: list[str]) -> None:
    for text in texts:
        tk.verify(text, ip=IP)
    # Writing the counts down is not part of this measurement.
    tk._tally.drain()


def _pause() -> float:
    gc.collect()
    pauses = []
    for _ in range(5):
        begin = time.perf_counter()
        gc.collect()
        pauses.append(time.perf_counter() - begin)
    return min(pauses)
