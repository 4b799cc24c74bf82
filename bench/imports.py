"""Importing the keys of another system: how long it takes until all are written and sealed, and how much memory."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.servers.postgres import Postgres
from tokenry import Tokenry
from tokenry.config import fresh_keyring

from .measure import Report

OWNERS = 1_000
SECONDS_ON_SQLITE, SECONDS_ON_POSTGRES = 60, 30
"""The marks, for 100,000 keys."""
MARKED = 100_000
GROWN_MIB = 50
"""How much memory may grow between the first tenth of the keys and the last one."""


def on_sqlite(report: Report, keys: int) -> None:
    """Import keys into an SQLite file."""
    report.title(f"Import of {keys:,} keys with SHA-256 hashes of {OWNERS:,} owners (SQLite)")
    with tempfile.TemporaryDirectory() as folder:
        _imported(report, f"sqlite:///{folder}/keys.db", keys, SECONDS_ON_SQLITE)


def on_postgres(report: Report, keys: int) -> None:
    """Import keys into PostgreSQL, which writes to its disk as it does for real."""
    report.title(f"Import of {keys:,} keys with SHA-256 hashes of {OWNERS:,} owners (PostgreSQL)")
    server = Postgres(
        fsync=True, settings={"autovacuum": "on", "shared_buffers": "256MB", "max_wal_size": "1GB"}
    ).start()
    try:
        _imported(report, server.create_database(), keys, SECONDS_ON_POSTGRES)
    finally:
        server.stop()


def _imported(report: Report, url: str, keys: int, mark: float) -> None:
    with Tokenry(url, keyring=fresh_keyring()) as tk:
        memory: list[float] = []
        first = tk.imports.run(_watched(_lines(0, keys // 10), memory))
        before = max(memory)
        began, processor = time.perf_counter(), time.process_time()
        rest = tk.imports.run(_watched(_lines(keys // 10, keys), memory))
        tk.audit.seal()
        took, processor = time.perf_counter() - began, time.process_time() - processor
        assert first.imported_count + rest.imported_count == keys
    each = (keys - keys // 10) / MARKED
    all_of_them, grown = took / each, max(memory) - before
    report.line(
        f"{MARKED:,} keys, sealed",
        f"{all_of_them:.1f} s",
        f"at most {mark}; {processor / each:.1f} s of this process",
        all_of_them <= mark,
    )
    report.line(
        "memory at most", f"{max(memory):.0f} MiB", f"grown by {grown:.0f}, at most {GROWN_MIB}", grown <= GROWN_MIB
    )


def _lines(first: int, last: int) -> Iterator[bytes]:
    """Yield rows as they stand in a file."""
    for number in range(first, last):
        text = f"old_{hashlib.blake2b(str(number).encode(), digest_size=20).hexdigest()}"
        yield (
            f'{{"id":"{number}","owner":"user-{number % OWNERS}","name":"key {number}","scopes":["read:projects"],'
            f'"hash":{{"scheme":"sha256","value":"{hashlib.sha256(text.encode()).hexdigest()}"}},'
            f'"hint":{{"first":"{text[:12]}","prefix":"old_"}},"created_at":"2024-05-01T12:00:00Z"}}'
        ).encode()


def _watched(lines: Iterator[bytes], memory: list[float]) -> Iterator[bytes]:
    """Note the memory now and then. Not what RSS counts besides: the pages of the database that SQLite has mapped."""
    for number, line in enumerate(lines):
        if number % 1_000 == 0:
            status = Path("/proc/self/status").read_text(encoding="ascii")
            memory.append(int(status.split("RssAnon:")[1].split()[0]) / 1024)
        yield line
