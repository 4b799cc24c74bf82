"""An application under gunicorn, preloaded, with four workers on one database."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.processes.crew import ROOT
from tests.processes.places import Place
from tests.servers.waiting import until
from tokenry import Tokenry

WORKERS = 4


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Served:
    """A running gunicorn."""

    def __init__(self, place: Place, warm_key: str) -> None:
        self._socket = place.directory / "socket"
        environment = {**os.environ, "TOKENRY_DATABASE_URL": place.url, "WARM_KEY": warm_key}
        environment["TOKENRY_FLUSH_INTERVAL"] = "0.01"  # a flush is nearly always under way, also at the fork
        if place.keyring is not None:
            environment["TOKENRY_KEYRING"] = place.keyring
        options = [
            "--preload",
            f"--workers={WORKERS}",
            f"--bind=unix:{self._socket}",
            "--no-control-socket",
            "--log-level=warning",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "tests.processes.flask_app:app"],
            cwd=ROOT,
            env=environment,
        )
        until(lambda: self._listens() or self.process.poll() is not None, 30)
        assert self.process.poll() is None, "gunicorn did not start"

    def _listens(self) -> bool:
        """Tell whether a connection is taken: the file of a socket is there before anybody listens on it."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def ask(self, method: str, path: str, secret: str = "") -> Any:
        connection = Connection(self._socket)
        try:
            connection.request(method, path, headers={"X-API-Key": secret})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return json.loads(body)
        finally:
            connection.close()

    def ask_everybody(self, secret: str) -> Counter[str]:
        """Ask until every worker has answered; return how often each code was given."""
        codes: Counter[str] = Counter()
        pids: set[int] = set()
        for _ in range(2000):
            answer = self.ask("GET", "/", secret)
            codes[answer["code"]] += 1
            pids.add(answer["pid"])
            if len(pids) == WORKERS:
                return codes
        raise AssertionError(f"only {len(pids)} workers answered")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0


@pytest.fixture
def tk(place: Place) -> Tokenry:
    instance = place.open()
    instance.owners.put("u")
    return instance


@pytest.fixture
def warm_key(tk: Tokenry) -> str:
    return str(tk.keys.issue(owner="u", name="warm").secret)


@pytest.fixture
def served(place: Place, warm_key: str) -> Iterator[Served]:
    running = Served(place, warm_key)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_revocation_in_one_worker_counts_at_once_in_all(served: Served, tk: Tokenry) -> None:
    for trial in range(20):
        issued = served.ask("POST", f"/keys/k{trial}")
        assert set(served.ask_everybody(issued["secret"])) == {"valid"}
        served.ask("DELETE", f"/keys/{issued['id']}")
        assert set(served.ask_everybody(issued["secret"])) == {"revoked"}
        assert tk.verify(issued["secret"]).code == "revoked"
    assert tk.audit.check()


def test_counts_are_exact_after_sigterm(served: Served, tk: Tokenry, warm_key: str) -> None:
    count = sum((served.ask_everybody(warm_key) for _ in range(10)), Counter())["valid"]
    served.stop()
    assert tk.keys.find(warm_key).use_count == count + 1  # one by the master, before it forked


def test_what_workers_acknowledged_is_there_when_the_master_was_killed(
    place: Place, served: Served, tk: Tokenry
) -> None:
    tk.close()
    issued = [served.ask("POST", f"/keys/k{n}") for n in range(20)]
    workers = psutil.Process(served.process.pid).children()
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()
    with Tokenry(place.url, keyring=place.keyring) as again:
        assert all(again.verify(one["secret"]) for one in issued)
        again.owners.put("another")  # no lock was left behind
        assert again.audit.check()
        for worker in workers:
            worker.kill()
        psutil.wait_procs(workers, timeout=60)
        assert all(again.verify(one["secret"]) for one in issued)
