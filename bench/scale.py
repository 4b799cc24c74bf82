"""Costs that grow with a tenant: management at ten thousand keys and a million, and how long bulk calls block others.

The statements are timed by the processor time of the calling thread on SQLite, so that a busy neighbour does not count.
PostgreSQL works in a process of its own and is timed by the clock.
"""

import itertools
import json
import logging
import multiprocessing
import os
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring

from .crowd import EVERY, PER_OWNER, Crowd
from .measure import Report

SMALL = 10_000
ROUNDS = 7
TIMES_MAX = 3.0
WRITE_MS = 100
VERIFY_MS = 25
MEMORY_MIB = 64
BULK = 20_000
NOTICES = 5_000
logging.getLogger("tokenry.statements").setLevel(logging.ERROR)  # inserts of thousands of rows are slow statements
_QUIET = Settings(background=False, flush_interval=timedelta(hours=1))
_DAY = timedelta(days=1)


def on_sqlite(report: Report, count: int) -> None:
    """Compare every statement on SQLite files, then run the bulk calls on the large one."""
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{folder}/{size}.db" for size in (SMALL, count)]
        _compare(report, "SQLite", urls, (SMALL, count), None, time.thread_time)
        _bulk(report, urls[1], count)


def on_postgres(report: Report, count: int) -> None:
    """Compare every statement on PostgreSQL."""
    from tests.servers.postgres import Postgres

    server = Postgres().start()
    try:
        urls = [server.create_database() for _ in range(2)]
        _compare(report, "PostgreSQL", urls, (SMALL, count), fresh_keyring(), time.perf_counter)
    finally:
        server.stop()


def _compare(
    report: Report, name: str, urls: list[str], sizes: tuple[int, int], keyring: Any, clock: Callable[[], float]
) -> None:
    report.title(f"management at {sizes[1]:,} keys beside {sizes[0]:,} ({name})")
    found: list[dict[str, float]] = []
    for url, size in zip(urls, sizes, strict=True):
        with Tokenry(url, keyring=keyring, settings=_QUIET) as tk:
            _populate(tk, size)
            found.append({what: _best(calls, clock) for what, calls in _statements(tk, size).items()})
    for what, small in found[0].items():
        large = found[1][what]
        figure = f"{large / small:.1f} times"
        report.line(what, figure, f"{small * 1e6:,.0f} and {large * 1e6:,.0f} µs", large / small <= TIMES_MAX)


def _populate(tk: Tokenry, size: int) -> None:
    crowd = Crowd(tk)
    tk.roles.put("dev", scopes=["read:dev"])
    crowd.owners(max(size // PER_OWNER, SMALL))
    crowd.keys(size)
    if tk._database.dialect == "postgresql":
        with tk._database.change() as rows:
            rows.core.exec_driver_sql("ANALYZE")


def _best(calls: Iterator[Callable[[], object]], clock: Callable[[], float]) -> float:
    """Return the seconds of the best call; the first one compiles statements."""
    next(calls)()
    best = float("inf")
    for call in itertools.islice(calls, ROUNDS):
        began = clock()
        call()
        best = min(best, clock() - began)
    return best


def _statements(tk: Tokenry, size: int) -> dict[str, Iterator[Callable[[], object]]]:
    """Return for each operation its calls, each on a thing of its own."""
    numbers = itertools.count(1)
    live = iter(range(7, size, EVERY))

    def key_id() -> str:
        return f"key_{next(live):022d}"

    def again(call: Callable[[], object]) -> Iterator[Callable[[], object]]:
        return itertools.repeat(call)

    def each(thing: Callable[[], Any], call: Callable[[Any], object]) -> Iterator[Callable[[], object]]:
        while True:
            one = thing()
            yield lambda one=one: call(one)

    def name() -> str:
        return f"new {next(numbers)}"

    def owner() -> str:
        return f"user-{size // PER_OWNER - next(numbers)}"

    def role_name() -> str:
        return f"role-{next(numbers)}"

    def role() -> str:
        return tk.roles.put(role_name(), scopes=["read:a"]).name

    def session() -> Any:
        return tk.sessions.start("user-7")

    keys, owners = tk.keys, tk.owners
    issued = keys.issue("user-7", name="presented", metadata={"a": 1})
    last_event = tk.events.list(after=size - 10).items[-1].sequence
    return {
        "keys.get": each(key_id, keys.get),
        "keys.find": again(lambda: keys.find(issued.secret)),
        "keys.list": again(keys.list),
        "keys.list(owner=)": again(lambda: keys.list(owner="user-9")),
        "keys.list(status='revoked')": again(lambda: keys.list(status="revoked")),
        "keys.list(scope=), of none": again(lambda: keys.list(scope="no:such")),
        "keys.list(environment=), of none": again(lambda: keys.list(environment="none")),
        "keys.list(text=), of none": again(lambda: keys.list(text="no such")),
        "keys.list(expiring_within=)": again(lambda: keys.list(expiring_within=_DAY)),
        "keys.list(last_used_before=)": again(lambda: keys.list(last_used_before=issued.key.created_at)),
        "keys.expiring": again(lambda: keys.expiring(within=30 * _DAY)),
        "keys.expiring(owner=), of none": again(lambda: keys.expiring(within=30 * _DAY, owner="user-7")),
        "keys.limits": each(key_id, keys.limits),
        "keys.explain": each(key_id, keys.explain),
        "usage.get": each(key_id, tk.usage.get),
        "keys.issue": each(name, lambda one: keys.issue("user-7", name=one)),
        "keys.issue_many, of one": each(name, lambda one: keys.issue_many([{"owner": "user-7", "name": one}])),
        "keys.update": each(key_id, lambda one: keys.update(one, name=f"changed {one}")),
        "keys.disable": each(key_id, keys.disable),
        "keys.enable": each(lambda: keys.disable(key_id()).id, keys.enable),
        "keys.rotate": each(key_id, keys.rotate),
        "keys.revoke": each(key_id, keys.revoke),
        "keys.delete": each(key_id, keys.delete),
        "keys.revoke_where(owner=)": each(owner, lambda one: keys.revoke_where(owner=one, dry_run=False)),
        "owners.put, new": each(name, owners.put),
        "owners.put, unchanged": again(lambda: owners.put("user-9")),
        "owners.put, changed": each(name, lambda one: owners.put("user-9", name=one)),
        "owners.get": again(lambda: owners.get("user-9")),
        "owners.list": again(owners.list),
        "owners.list(text=), of none": again(lambda: owners.list(text="no such")),
        "owners.disable": each(owner, owners.disable),
        "owners.enable": each(lambda: owners.disable(owner()).external_id, owners.enable),
        "owners.delete": each(owner, owners.delete),
        "roles.put, new": each(role_name, lambda one: tk.roles.put(one, scopes=["read:a"])),
        "roles.put, widened": each(role, lambda one: tk.roles.put(one, scopes=["*"])),
        "roles.get": again(lambda: tk.roles.get("dev")),
        "roles.list": again(tk.roles.list),
        "scopes.check": again(lambda: tk.scopes.check(["read:a"])),
        "tenants.get": again(lambda: tk.tenants.get("default")),
        "tenants.update": each(name, lambda one: tk.tenants.update("default", name=one)),
        "sessions.start": again(session),
        "sessions.list(owner)": again(lambda: tk.sessions.list("user-7")),
        "sessions.refresh": each(session, lambda one: tk.sessions.refresh(one.refresh)),
        "sessions.revoke_all": each(lambda: owner(), tk.sessions.revoke_all),
        "events.list": again(tk.events.list),
        "events.list(after=)": again(lambda: tk.events.list(after=last_event)),
        "events.list(types=), of none": again(lambda: tk.events.list(types=["role.deleted"])),
        "audit.list": again(tk.audit.list),
        "audit.list(subject=)": each(key_id, lambda one: tk.audit.list(subject=one)),
        "audit.list(action=), of none": again(lambda: tk.audit.list(action="role.deleted")),
        "upkeep, once a minute": again(tk._upkeep),
        "flush": again(tk.flush),
    }


_ASKED = [{"owner": "user-7", "name": f"many {number}"} for number in range(1000)]
NOTHING = "nothing: a process that only computes"
_CALLS: dict[str, Callable[[Tokenry], object]] = {
    NOTHING: lambda tk: sum(range(100_000_000)),
    "keys.issue_many of 1,000": lambda tk: tk.keys.issue_many(_ASKED),
    "keys.revoke_where, dry run over all": lambda tk: tk.keys.revoke_where(environment="live"),
    f"keys.revoke_where of {BULK:,}": lambda tk: tk.keys.revoke_where(owner="user-1", dry_run=False),
    f"keys.purge of {BULK:,}": lambda tk: tk.keys.purge(revoked_before=tk._context.now() - timedelta(hours=1)),
    f"owners.delete with {BULK:,} keys": lambda tk: tk.owners.delete("user-2"),
    "roles.delete": lambda tk: tk.roles.delete("dev"),
    f"expiry notices of {NOTICES:,} keys": lambda tk: sum(1 for _ in iter(tk._upkeep, False)),
}


def _bulk(report: Report, url: str, count: int) -> None:
    report.title(f"others beside bulk calls of another process (SQLite, {count:,} keys)")
    with Tokenry(url, settings=_QUIET) as tk:
        crowd = Crowd(tk)
        crowd.count = count
        crowd.keys(BULK, owner=tk.owners.get("user-1").id)
        crowd.keys(BULK, owner=tk.owners.get("user-2").id)
        crowd.keys(NOTICES, owner=tk.owners.get("user-3").id, announced=False)
        issued = tk.keys.issue("user-7", name="verified")
        _settle(url.removeprefix("sqlite:///"))
        alone: dict[str, float] = {}
        for what in _CALLS:
            with _others(tk, str(issued.secret)) as waits:
                done = _in_another_process(url, what)
            write, verify = (max(waits[one]) * 1e3 for one in ("write", "verify"))
            alone = alone or {"write": write, "verify": verify}
            good = done["longest_ms"] <= WRITE_MS and done["mib"] <= MEMORY_MIB
            good = good and write <= max(WRITE_MS, 2 * alone["write"]) and verify <= max(VERIFY_MS, 2 * alone["verify"])
            message = f"own {done['longest_ms']:.0f} ms, {done['mib']:.0f} MiB, {done['seconds']:.1f} s"
            report.line(what, _figures_text(write, verify), message, good)
    print("others' longest write and verification; the longest transaction of the call by processor time, memory, time")


def _settle(path: str) -> None:
    """Wait for the disk, which would otherwise hold up the first call for everything that was written before."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    os.sync()


def _figures_text(write: float, verify: float) -> str:
    return f"{write:.0f} and {verify:.0f} ms"


@contextmanager
def _others(tk: Tokenry, secret: str) -> Iterator[dict[str, list[float]]]:
    """Write and verify in threads of this process as long as the block runs, and note how long each took."""
    waits: dict[str, list[float]] = {"write": [0.0], "verify": [0.0]}
    over = threading.Event()
    names = itertools.count()

    def run(kind: str, call: Callable[[], object], pause: float) -> None:
        while not over.wait(pause):
            began = time.perf_counter()
            call()
            waits[kind].append(time.perf_counter() - began)

    threads = [
        threading.Thread(target=run, args=("write", lambda: tk.owners.put("user-9", name=f"n {next(names)}"), 0.01)),
        threading.Thread(target=run, args=("verify", lambda: tk.verify(secret), 0.001)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _in_another_process(url: str, what: str) -> Any:
    context = multiprocessing.get_context("spawn")
    answers: Any = context.SimpleQueue()
    process = context.Process(target=_run, args=(url, what, answers))
    process.start()
    answer = json.loads(answers.get())
    process.join()
    return answer


def _run(url: str, what: str, answers: Any) -> None:
    """Make one bulk call, and tell its longest transaction by processor time, its memory, and how long it took."""
    with Tokenry(url, settings=_QUIET) as tk:
        original, longest = tk._database.change, [0.0]

        @contextmanager
        def timed(**options: Any) -> Iterator[Any]:
            with original(**options) as rows:
                began = time.thread_time()
                yield rows
                longest[0] = max(longest[0], time.thread_time() - began)

        tk._database.change = timed  # type: ignore[method-assign]
        tk.keys.list(limit=1)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        _CALLS[what](tk)
        took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    answers.put(json.dumps({"longest_ms": longest[0] * 1e3, "mib": (after - before) / unit, "seconds": took}))
