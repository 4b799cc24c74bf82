"""What a key costs a framework: its own hello against the same behind `key_required`, on real servers of one worker.

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

ROUNDS = 5
SECONDS = 2
SHARE = 0.85
GUNICORN = ["gunicorn", "--workers=1", "--bind=127.0.0.1:{port}"]
UVICORN = ["uvicorn", "--no-access-log", "--log-level=error", "--port={port}"]


class Pair(NamedTuple):
    """Two routes that are compared: the server, then application and path of each."""

    server: list[str]
    plain: tuple[str, str]
    protected: tuple[str, str]


PAIRS = {
    "Flask": Pair(GUNICORN, ("flask_app", "plain"), ("flask_app", "protected")),
    "Django": Pair(GUNICORN, ("django_app", "plain"), ("django_app", "protected")),
    "FastAPI, wrapped, alone on its file": Pair(UVICORN, ("plain_fastapi_app", "plain"), ("lone_fastapi_app", "plain")),
    "FastAPI, wrapped, sharing it": Pair(UVICORN, ("plain_fastapi_app", "plain"), ("wrapped_fastapi_app", "plain")),
    "FastAPI, by dependency": Pair(UVICORN, ("fastapi_app", "bearer"), ("fastapi_app", "protected")),
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
            plain, protected = _rates(pair, url, secret)
            share = protected / plain
            reference = f"{pair.plain[1]} {plain:,.0f}/s, behind a key {protected:,.0f}/s; at least {SHARE}"
            report.line(name, f"{share:.2f}", reference, share >= SHARE)


def _rates(pair: Pair, url: str, secret: str) -> tuple[float, float]:
    best = [0.0, 0.0]
    plain, protected = ([*pair.server, f"bench.hello:{side[0]}"] for side in (pair.plain, pair.protected))
    with _serving(plain, url) as first, _serving(protected, url) as second:
        places = (f"{first}/{pair.plain[1]}", f"{second}/{pair.protected[1]}")
        for _ in range(ROUNDS):
            for turn, place in enumerate(places):
                best[turn] = max(best[turn], _rate(f"http://127.0.0.1:{place}", secret))
    return best[0], best[1]


def _rate(url: str, secret: str) -> float:
    """Ask one route for a while, with the key in both cases: the plain one has to parse the header, too."""
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {secret}", url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in told, told
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


@contextmanager
def _serving(command: list[str], url: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [word.format(port=port) for word in command]
    told = {**os.environ, "BENCH_DATABASE_URL": url}
    process = subprocess.Popen([sys.executable, "-m", *words], env=told, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
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
