"""Processes that verify all the time on one PostgreSQL, and one that ends keys: nothing may be valid after its end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.fence.book import Book
from tests.fence.proxy import Proxy
from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import Tokenry, TokenryError
from tokenry.config import fresh_keyring, write_keyring_file

ROOT = Path(__file__).parents[2]
WATCHERS = 4
COLUMNS = 400
"""How many processes there can be in all, those included that take the place of others."""
PROXIED = 1
"""The process that reaches the server through the proxy."""
SLOW_SECONDS = 2.0
"""A call that waits for the end of a lease takes 3.3 s. On a busy machine others have taken more than 1 s."""
GIVE_UP_SECONDS = 60
ENDINGS = ("revoke", "disable", "delete")


@dataclass
class Outcome:
    """What was seen."""

    ended: int = 0
    times: list[float] = field(default_factory=list)
    repeats: int = 0
    stale: list[str] = field(default_factory=list)
    counts: list[dict[str, int]] = field(default_factory=list)

    @property
    def slow(self) -> list[float]:
        return [time for time in self.times if time > SLOW_SECONDS]

    @property
    def from_memory(self) -> float:
        """Which part of the answers the processes did not have to look up."""
        asked = sum(one["asked"] for one in self.counts)
        return 1 - sum(one["looked_up"] for one in self.counts) / max(1, asked)


class Rig:
    """The processes, the server and the ledger. Used as a context; `outcome` tells what was seen."""

    def __init__(self, server: Postgres, directory: Path, keys: int, *, broken: str = "", quick: bool = True) -> None:
        self.server, self.broken = server, broken
        self._directory = directory
        self.url = server.create_database()
        self._keyring = directory / "keyring"
        write_keyring_file(self._keyring, fresh_keyring())
        self.proxy = Proxy(server.directory / ".s.PGSQL.5432", quick=quick)
        self.outcome = Outcome()
        self._pause = threading.Event()
        self._returned_at: list[float] = []
        self._timers: list[threading.Timer] = []
        self.tk = Tokenry(self.url, keyring=str(self._keyring))
        self._ids = self._issue(keys)
        self._columns = COLUMNS
        self._book = Book(directory / "book", keys, self._columns)
        self.watchers: list[subprocess.Popen[bytes]] = []
        if broken == "no wait":
            self.tk._wait_for = lambda all_done: None  # type: ignore[method-assign]

    def _issue(self, keys: int) -> list[str]:
        self.tk.owners.put("u")
        issued: list[Any] = []
        for start in range(0, keys, 500):
            asked = [{"owner": "u", "name": f"k{n}"} for n in range(start, min(keys, start + 500))]
            issued += self.tk.keys.issue_many(asked)
        (self._directory / "secrets").write_text("\n".join(str(one.secret) for one in issued))
        return [one.key.id for one in issued]

    def __enter__(self) -> "Rig":
        for number in range(WATCHERS):
            self.start(number)
        self.tk.verify("x")
        until(lambda: self._nodes() > WATCHERS)
        until(lambda: all(self._book.valid_at(column, 0) for column in range(WATCHERS)))
        return self

    def start(self, number: int) -> None:
        """Start a process. Each has a column of its own in the ledger."""
        url = self.url
        if number == PROXIED:
            url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}{urlsplit(url).path}"
        broken = "" if self.broken == "no wait" else self.broken
        last = str(len(self.watchers))
        program = [sys.executable, "-m", "tests.fence.watcher", url, str(self._keyring), str(self._directory)]
        started = subprocess.Popen(
            [*program, last, str(self._columns), broken], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
        )
        self.watchers.append(started)

    def _nodes(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT count(*) FROM tokenry_node WHERE NOT gone").fetchone()
            return int(row[0]) if row else 0

    def end_next(self) -> None:
        """End the next key. A call that fails promises nothing and is repeated."""
        key = self._book.key
        call = getattr(self.tk.keys, ENDINGS[key % len(ENDINGS)])
        first = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                call(self._ids[key])
                break
            except TokenryError:
                self.outcome.repeats += 1
                assert time.monotonic() - first < GIVE_UP_SECONDS, "the database has not come back"
                self._pause.wait(0.02)
        self._returned_at.append(time.monotonic())
        self.outcome.times.append(self._returned_at[-1] - began)
        self._book.key = key + 1
        self.outcome.ended += 1

    def end_while(self, going_on: Callable[[], bool]) -> None:
        """End keys for as long as something goes on and there are any."""
        while going_on() and self._book.key < len(self._ids):
            self.end_next()

    def after(self, seconds: float, fault: Callable[[], object]) -> None:
        """Let a fault happen some time from now."""
        timer = threading.Timer(seconds, fault)
        self._timers.append(timer)
        timer.start()

    def signal(self, number: int, how: signal.Signals) -> None:
        """Stop, continue or kill a process."""
        if self.watchers[number].poll() is None:
            os.kill(self.watchers[number].pid, how)

    def find_stale(self) -> bool:
        """Look for what was valid after its end; tell whether there was any."""
        self.outcome.stale = [
            f"key {key} was valid in process {column}, {(at - ended_at) * 1000:.1f} ms after its end"
            for key, ended_at in enumerate(self._returned_at)
            for column in range(len(self.watchers))
            if (at := self._book.valid_at(column, key)) > ended_at
        ]
        return bool(self.outcome.stale)

    def __exit__(self, *error: object) -> None:
        for timer in self._timers:
            timer.cancel()  # one that has begun is waited for
            timer.join()
        self.proxy.hole = self.proxy.half = False
        self._book.end()
        for number, watcher in enumerate(self.watchers):
            self.signal(number, signal.SIGCONT)
            try:
                out = watcher.communicate(timeout=30)[0]
                if out:
                    self.outcome.counts.append(json.loads(out))
            finally:
                watcher.kill()
        self.tk.close()
        self.proxy.close()
        self.find_stale()
        self.server.drop_database(self.url)
