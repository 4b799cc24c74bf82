"""What a key costs a framework: its own hello against the same behind `key_required`, on real servers of one worker."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tokenry import Tokenry

from .measure import Report

ROUNDS = 5
SECONDS = 2
SHARE = 0.85
SERVERS = {
    "Flask on gunicorn": ["gunicorn", "--workers=1", "--bind=127.0.0.1:{port}", "bench.hello:flask_app"],
    "Django on gunicorn": ["gunicorn", "--workers=1", "--bind=127.0.0.1:{port}", "bench.hello:django_app"],
    "FastAPI on uvicorn": [
        "uvicorn",
        "--no-access-log",
        "--log-level=error",
        "--port={port}",
        "bench.hello:fastapi_app",
    ],
}


def on_frameworks(report: Report) -> None:
    """Take both routes in turn, and compare the best of each."""
    report.title("A route behind key_required, against the framework's own hello")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            secret = str(tk.keys.issue("user", name="key", scopes=["read:projects"]).secret)
        for name, command in SERVERS.items():
            with _serving(command, url) as port:
                plain, protected = _rates(port, secret)
            share = protected / plain
            reference = f"plain {plain:,.0f}/s, behind a key {protected:,.0f}/s; at least {SHARE}"
            report.line(name, f"{share:.2f}", reference, share >= SHARE)


def _rates(port: int, secret: str) -> tuple[float, float]:
    best = {"plain": 0.0, "protected": 0.0}
    for _ in range(ROUNDS):
        for path in best:
            best[path] = max(best[path], _rate(f"http://127.0.0.1:{port}/{path}", secret))
    return best["plain"], best["protected"]


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
