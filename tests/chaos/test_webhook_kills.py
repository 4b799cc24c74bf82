"""Workers that are killed in the middle of deliveries: every event arrives, and repeats are the same."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.counts import times
from tests.servers.receiving import LOOPBACK, receiving
from tests.servers.waiting import until
from tokenry import Settings, Tokenry
from tokenry import webhooks as receiver_side

pytestmark = pytest.mark.chaos

EVENTS = times(200, 10_000)
KILLS = times(3, 100)


@contextmanager
def worker(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tokenry worker`, and kill it at the end."""
    environment = {**os.environ, "TOKENRY_WEBHOOK_NETWORKS": LOOPBACK}
    command = [sys.executable, "-m", "tokenry.cli", "worker", "--database", url]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)


def test_every_event_arrives_although_the_receiver_fails_and_workers_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    url = f"sqlite:///{path}"
    chance = random.Random(13)
    fails = lambda number, body: 500 if chance.random() < 0.3 else 200  # noqa: E731
    with receiving(fails) as receiver, Tokenry(url, settings=Settings(webhook_networks=LOOPBACK)) as tk:
        hook = tk.webhooks.create(receiver.url, types=["key.issued"])
        tk.owners.put("ada")
        for first in range(0, EVENTS, 100):
            keys = [{"owner": "ada", "name": f"key {number}"} for number in range(first, first + 100)]
            tk.keys.issue_many(keys)
        expected = {event.id for event in tk.events.iterate(types=["key.issued"], limit=100)}
        assert len(expected) == EVENTS
        for kill in range(KILLS):
            target = len(receiver.requests) + chance.randrange(1, 2 * EVENTS // KILLS)
            with worker(url) as process:
                until(lambda: len(receiver.requests) >= target or not due(path) or process.poll() is not None, 180)  # noqa: B023
                assert process.poll() is None, kill
            end_lease(path)
            tk.webhooks.resume(hook.webhook.id)  # what waits for its next attempt need not wait here
        with worker(url):
            while True:
                until(lambda: not due(path), seconds=300)
                if expected <= set(receiver.ids) and not pending(path):
                    break
                tk.webhooks.resume(hook.webhook.id)
        bodies: dict[str, set[bytes]] = {}
        for headers, body in receiver.requests:
            bodies.setdefault(headers["webhook-id"], set()).add(body)
        assert bodies.keys() == expected
        assert all(len(same) == 1 for same in bodies.values())
        headers, body = receiver.requests[-1]
        assert receiver_side.verify(body, headers, str(hook.secret))["type"] == "key.issued"
        assert tk.webhooks.get(hook.webhook.id).status == "active"


def end_lease(path: Path) -> None:
    """Let the time of a dead worker's lease be over."""
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute("UPDATE tokenry_endpoint SET lease_until = 0")


def due(path: Path) -> bool:
    """Tell whether the worker has something to send now."""
    query = (
        "SELECT 1 FROM tokenry_delivery WHERE due_at < CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) "
        "UNION SELECT 1 FROM tokenry_event, tokenry_endpoint WHERE tokenry_event.sequence > cursor_sequence "
        "AND tokenry_event.type = 'key.issued' LIMIT 1"
    )
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        return connection.execute(query).fetchone() is not None


def pending(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        query = "SELECT 1 FROM tokenry_delivery WHERE status = 'pending' LIMIT 1"
        return connection.execute(query).fetchone() is not None
