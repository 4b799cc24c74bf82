"""The cost of a change that holds in every process on PostgreSQL, and the time that a process saves by its memory."""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file

from .measure import ROUNDS, Report, seconds_each

PROCESSES = 4
REVOCATIONS = 500
IDLE_SECONDS = 10
REMEMBERED = 1000
CALLS = 20_000
WATCH = """
import sys, threading
from tokenry import Settings, Tokenry
tk = Tokenry(sys.argv[1], keyring=sys.argv[2])
secrets, pause, over = sys.argv[3:], threading.Event(), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    for secret in secrets:
        assert tk.verify(secret)
    pause.wait(0.01)
tk.close()
"""


def on_fence(report: Report) -> None:
    """Revoke beside other processes, count what idle ones ask, and verify from memory beside exclusive SQLite."""
    report.title(f"The fence (PostgreSQL with fsync, {PROCESSES} processes)")
    server = Postgres(fsync=True).start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            keyring = Path(folder, "keyring")
            write_keyring_file(keyring, fresh_keyring())
            _revoking(report, server, str(keyring))
            _remembering(report, server, folder, str(keyring))
    finally:
        server.stop()


def _revoking(report: Report, server: Postgres, keyring: str) -> None:
    url = server.create_database()
    with Tokenry(url, keyring=keyring) as tk:
        tk.owners.put("u")
        watched = [str(tk.keys.issue("u", name=f"w{n}").secret) for n in range(20)]
        keys = [tk.keys.issue("u", name=f"k{n}").key.id for n in range(REVOCATIONS)]
        alone = sorted(_timed(tk, keys[: REVOCATIONS // 5]))
        program = [sys.executable, "-c", WATCH, url, keyring, *watched]
        others = [subprocess.Popen(program, stdin=subprocess.PIPE) for _ in range(PROCESSES)]
        try:
            until(lambda: _nodes(url) == PROCESSES + 1)
            times = sorted(_timed(tk, keys[REVOCATIONS // 5 :]))
            each = _statements(tk)
        finally:
            for other in others:
                assert other.stdin is not None
                other.stdin.close()
                other.wait(30)
    half, most = statistics.median(times) * 1e3, times[int(len(times) * 0.99)] * 1e3
    by_itself = f"{statistics.median(alone) * 1e3:.1f} ms where nobody else remembers"
    report.line("revoke, the whole call, p50", f"{half:.1f} ms", f"at most 15; {by_itself}", half <= 15)
    report.line("revoke, the whole call, p99", f"{most:.1f} ms", "at most 60", most <= 60)
    report.line("statements of the fence of an idle process, a second", f"{each:.2f}", "at most 1.1", each <= 1.1)


def _timed(tk: Tokenry, keys: list[str]) -> list[float]:
    times = []
    for key in keys:
        began = time.perf_counter()
        tk.keys.revoke(key)
        times.append(time.perf_counter() - began)
    return times


def _nodes(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM tokenry_node WHERE NOT gone").fetchone()
        return int(row[0]) if row else 0


def _statements(tk: Tokenry) -> float:
    """Return how many statements a second the fence of one process asks while nothing changes."""
    link: Any = tk._fence and tk._fence._link
    ask, calls = link._ask, itertools.count()

    def counted(*args: Any, **options: Any) -> Any:
        next(calls)
        return ask(*args, **options)

    link._ask = counted
    began = time.monotonic()
    time.sleep(IDLE_SECONDS)
    link._ask = ask
    return next(calls) / (time.monotonic() - began)


def _remembering(report: Report, server: Postgres, folder: str, keyring: str) -> None:
    url = server.create_database()
    with (
        Tokenry(url, keyring=keyring) as ours,
        Tokenry(f"sqlite:///{folder}/keys.db", settings=Settings(exclusive=True)) as sqlite,
    ):
        turns = [_warm(tk) for tk in (ours, sqlite)]
        best = [float("inf"), float("inf")]
        for _ in range(2 * ROUNDS):
            for number, (tk, turn) in enumerate(turns):
                took = seconds_each(lambda tk=tk, turn=turn: tk.verify(next(turn)), CALLS, 1)  # type: ignore[misc]
                best[number] = min(best[number], took)
    ratio = best[0] / best[1]
    message = f"exclusive SQLite {best[1] * 1e6:.2f} µs; ratio {ratio:.3f}, at most 1.05"
    report.line("a verification from memory", f"{best[0] * 1e6:.2f} µs", message, ratio <= 1.05)


def _warm(tk: Tokenry) -> tuple[Tokenry, "itertools.cycle[str]"]:
    tk.owners.put("u")
    issued = tk.keys.issue_many([{"owner": "u", "name": f"k{n}"} for n in range(REMEMBERED)])
    secrets = [str(one.secret) for one in issued]  # type: ignore[union-attr]
    tk.verify(secrets[0])
    until(tk._memory.is_trusted)
    assert all(tk.verify(secret) for secret in secrets)
    return tk, itertools.cycle(secrets)
