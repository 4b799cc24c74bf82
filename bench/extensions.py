"""The cost of a key in a framework: its own hello against the same behind `key_required`, on servers of one worker.

The CPU of a request is compared, since the rates of two servers on a busy machine say little.
A dependency of FastAPI is compared with FastAPI's own `HTTPBearer`, which only reads a header: see decision 24.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tokenry import Tokenry

from .measure import Report
from .processor import used

ROUNDS = 5
SECONDS = 2
GUNICORN = ["gunicorn", "--workers=1", "--bind=127.0.0.1:{port}"]
UVICORN = ["uvicorn", "--no-access-log", "--log-level=error", "--port={port}"]


class Pair(NamedTuple):
    """Two routes that are compared: the server, application and path of each, and what is to be kept of the hello."""

    server: list[str]
    plain: tuple[str, str]
    protected: tuple[str, str]
    share: float


class Found(NamedTuple):
    """The figures of one route: µs of CPU for a request, and requests a second."""

    each: float
    rate: float


PAIRS = {
    "Flask": Pair(GUNICORN, ("flask_app", "plain"), ("flask_app", "protected"), 0.95),
    "Django": Pair(GUNICORN, ("django_app", "plain"), ("django_app", "protected"), 0.93),
    "FastAPI, wrapped, alone on its file": Pair(
        UVICORN, ("plain_fastapi_app", "plain"), ("lone_fastapi_app", "plain"), 0.92
    ),
    "FastAPI, wrapped, sharing it": Pair(
        UVICORN, ("plain_fastapi_app", "plain"), ("wrapped_fastapi_app", "plain"), 0.92
    ),
    "FastAPI, by dependency": Pair(UVICORN, ("fastapi_app", "bearer"), ("fastapi_app", "protected"), 0.92),
}


def on_frameworks(report: Report) -> None:
    """Take both routes in turn, and compare the best of each."""
    report.title("A route behind key_required, against the framework's own hello")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            secret = str(tk.keys.issue("user", name="key", scopes=["read:projects"]).secret)
        for name, pair in PAIRS.items():
            plain, protected = _found(pair, url, secret)
            share = plain.each / protected.each
            message = f"{pair.plain[1]} {plain.each:.0f} µs and {plain.rate:,.0f}/s, "
            message += f"behind a key {protected.each:.0f} µs and {protected.rate:,.0f}/s; at least {pair.share}"
            report.line(name, f"{share:.2f}", message, share >= pair.share)


def _found(pair: Pair, url: str, secret: str) -> list[Found]:
    best = [Found(float("inf"), 0.0)] * 2
    plain, protected = ([*pair.server, f"bench.hello:{side[0]}"] for side in (pair.plain, pair.protected))
    with _serving(plain, url) as first, _serving(protected, url) as second:
        places = ((first, pair.plain[1]), (second, pair.protected[1]))
        for (port, _), path in places:  # gunicorn listens before it has loaded the application
            _ask(f"http://127.0.0.1:{port}/{path}", secret, os.getpid())
        for _ in range(ROUNDS):
            for turn, ((port, pid), path) in enumerate(places):
                now, before = _ask(f"http://127.0.0.1:{port}/{path}", secret, pid), best[turn]
                best[turn] = Found(min(before.each, now.each), max(before.rate, now.rate))
    return best


def _ask(url: str, secret: str, pid: int) -> Found:
    """Ask one route for a while, with the key in both cases: the plain one has to parse the header, too."""
    before = used(pid)
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {secret}", url]
    result = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in result, result
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", result), re.search(r"(\d+) requests in", result)
    assert rate is not None, result
    assert count is not None, result
    return Found(used(pid).since(before, max(1, int(count[1]))).total, float(rate[1]))


@contextmanager
def _serving(command: list[str], url: str) -> Iterator[tuple[int, int]]:
    """Run a server; yield its port and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [word.format(port=port) for word in command]
    values = {**os.environ, "BENCH_DATABASE_URL": url}
    process = subprocess.Popen([sys.executable, "-m", *words], env=values, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server does not listen")
