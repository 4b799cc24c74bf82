"""Workers under faults: a disk that is full in the middle of a delivery, and a worker that is stopped and goes on."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.conftest import STORES
from tests.servers.mailing import receiving_mail
from tests.servers.receiving import LOOPBACK, Receiver, receiving
from tests.servers.waiting import stop_at_once, until
from tokenry import Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.store.tables import endpoint
from tokenry.testing import FakeClock

QUIET = Settings(background=False, webhook_networks=LOOPBACK)


class Working:
    """One `tokenry worker`; `told` is what it has written to its log."""

    def __init__(self, url: str, keyring: Path) -> None:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
        ours |= {"TOKENRY_WEBHOOK_NETWORKS": LOOPBACK, "TOKENRY_DATABASE_URL": url, "TOKENRY_KEYRING": str(keyring)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tokenry.cli", "worker"], env=ours, stderr=subprocess.PIPE
        )
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self.output)

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.output.append(line.decode())


@contextmanager
def working(url: str, keyring: Path) -> Iterator[Working]:
    worker = Working(url, keyring)
    try:
        yield worker
    finally:
        worker.end()


def end_leases(tk: Tokenry) -> None:
    """Let the time of the leases be over, as soon as no stopped worker holds their rows."""

    def end() -> bool:
        with suppress(StoreUnavailable), tk._database.change() as rows:
            rows.connection.execute(update(endpoint).values(lease_until=0))
            return True
        return False

    until(end)


def bodies_of(receiver: Receiver) -> dict[str, set[bytes]]:
    found: dict[str, set[bytes]] = {}
    for headers, body in list(receiver.requests):
        found.setdefault(headers["webhook-id"], set()).add(body)
    return found


def opened(url: str, folder: Path) -> tuple[Tokenry, Path]:
    """Open an installation whose keyring is a file that workers find."""
    keyring = folder / "keyring"
    write_keyring_file(keyring, fresh_keyring())
    return Tokenry(url, keyring=keyring, settings=QUIET), keyring


def test_a_disk_that_is_full_in_the_middle_of_a_delivery_loses_nothing(tmp_path: Path) -> None:
    url, running = f"sqlite:///{tmp_path / 'keys.db'}", []

    def answer(number: int, body: bytes) -> int:
        if number == 5:
            resource.prlimit(running[0].process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        return 200

    tk, keyring = opened(url, tmp_path)
    with tk, receiving(answer) as receiver:
        hook = tk.webhooks.create(receiver.url, types=["owner.*"]).webhook
        with working(url, keyring) as worker:
            running.append(worker)
            for number in range(30):
                tk.owners.put(f"o{number}")
            until(lambda: any("will be tried again" in line for line in worker.output))
            sent = len(receiver.requests)
            until(lambda: sum("cannot be sent right now" in line for line in worker.output) >= 2)
            assert len(receiver.requests) == sent, "what cannot be written down is not sent again and again"
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, unlimited)
            end_leases(tk)
            until(lambda: len(bodies_of(receiver)) == 30)
            until(lambda: len(tk.webhooks.deliveries(hook.id, limit=100).items) == 30)
        assert all(len(same) == 1 for same in bodies_of(receiver).values()), "a repeat has the same bytes"
        assert {one.status for one in tk.webhooks.deliveries(hook.id, limit=100)} == {"delivered"}
        assert tk.webhooks.get(hook.id).failure_count == 0


@pytest.mark.skipif("postgres" not in STORES, reason="of PostgreSQL alone")
def test_a_worker_that_is_stopped_and_goes_on_takes_nothing_back(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url, running = request.getfixturevalue("postgres_server").create_database(), []

    def answer(number: int, body: bytes) -> int:
        if number == 1:
            stop_at_once(running[0].process.pid)
            return 500  # which it hears of only when it goes on
        return 200

    tk, keyring = opened(url, tmp_path)
    with tk, receiving(answer) as receiver, working(url, keyring) as first:
        running.append(first)
        hook = tk.webhooks.create(receiver.url, types=["owner.*"]).webhook
        tk.owners.put("o0")
        until(lambda: receiver.requests)
        with working(url, keyring):
            for number in range(1, 10):
                tk.owners.put(f"o{number}")
            end_leases(tk)
            until(lambda: len(tk.webhooks.deliveries(hook.id).items) == 10)
            first.process.send_signal(signal.SIGCONT)
            for number in range(10, 20):
                tk.owners.put(f"o{number}")
            until(lambda: len(tk.webhooks.deliveries(hook.id).items) == 20)
        tk.owners.put("last")
        end_leases(tk)
        until(lambda: len(tk.webhooks.deliveries(hook.id).items) == 21)
        made = list(tk.webhooks.deliveries(hook.id))
        assert {(one.status, one.attempt_count) for one in made} == {("delivered", 1)}
        assert tk.webhooks.get(hook.id).failure_count == 0
    found = bodies_of(receiver)
    assert len(found) == 21
    assert all(len(same) == 1 for same in found.values())
    assert len(receiver.requests) == 22, "the one under way was sent twice, and no other"


@pytest.mark.skipif("postgres" not in STORES, reason="of PostgreSQL alone")
def test_a_process_that_is_stopped_in_a_transaction_keeps_its_locks_for_a_bounded_time(
    request: pytest.FixtureRequest,
) -> None:
    url, keyring = request.getfixturevalue("postgres_server").create_database(), fresh_keyring()
    impatient = Settings(background=False, store_timeout=timedelta(milliseconds=250))
    with (
        Tokenry(url, keyring=keyring, settings=QUIET) as tk,
        Tokenry(url, keyring=keyring, settings=impatient) as other,
    ):
        id = tk.webhooks.create("https://example.com/hook", types=["*"]).webhook.id

        def locked() -> bool:
            try:
                tk.webhooks.update(id, description="changed")
            except StoreUnavailable:
                return True
            return False

        def hold() -> None:
            with other._database.change() as rows:
                rows.webhooks.get(rows.tenants.get("default"), id, lock=True)
                until(lambda: not locked())

        with pytest.raises(StoreUnavailable):
            hold()
        assert tk.webhooks.get(id).description == "changed"


def test_an_endpoint_that_fails_for_days_is_told_of_by_event_and_by_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    # With short waits throughout, the schedule ends before 72 hours.
    monkeypatch.setattr(random, "random", lambda: 0.5)
    clock = FakeClock()
    with receiving_mail() as mailbox, receiving(lambda number, body: 500) as broken, receiving() as other:
        settings = Settings(
            background=False, webhook_networks=LOOPBACK, smtp_url=mailbox.url, mail_from="keys@example.com"
        )
        with Tokenry("sqlite://", settings=settings, clock=clock) as tk:
            tk.tenants.update("default", contact="ops@example.com")
            hook = tk.webhooks.create(broken.url, types=["owner.*"]).webhook
            tk.webhooks.create(other.url, types=["webhook.*"])
            tk.owners.put("ada")
            for _ in range(85):
                tk.deliver()
                clock.advance(timedelta(hours=1))
            hours_failed = [event.data["hours"] for event in tk.events.list(types=["webhook.failing"])]
            assert hours_failed == [1, 24, 72]
            assert tk.webhooks.get(hook.id).status == "paused"
            tk.deliver()
            subjects = [f"A webhook endpoint has failed for {hours} hours" for hours in hours_failed]
            assert [mail["Subject"] for mail in mailbox.mails] == [*subjects, "A webhook endpoint was paused"]
            assert len(other.requests) == 4
            assert len(broken.requests) == 10, "the schedule has ten attempts"
