"""How long the server takes to start, and how much memory it then has."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from .measure import Report

START_SECONDS_MAX = 2.0
RESIDENT_MEGABYTES_MAX = 120
ROUNDS = 3


def starting(report: Report) -> None:
    """Measure from the command to the first verdict, on a new database and on one that is there."""
    report.title("the server: start and memory")
    with tempfile.TemporaryDirectory() as name:
        fresh, resident = _start(Path(name))
        again = min(_start(Path(name))[0] for _ in range(ROUNDS))
    mark = f"< {START_SECONDS_MAX:g} s"
    report.line("the first start, to the first answer", f"{fresh:.2f} s", mark, fresh < START_SECONDS_MAX)
    report.line("a start, to the first answer", f"{again:.2f} s", mark, again < START_SECONDS_MAX)
    good = resident <= RESIDENT_MEGABYTES_MAX
    report.line("resident after start", f"{resident:.0f} MB", f"<= {RESIDENT_MEGABYTES_MAX} MB", good)


def _start(directory: Path) -> tuple[float, float]:
    """Start a server, ask it once, end it; return the seconds to its answer and its megabytes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenry.cli", "serve", "--port", "0"],
        cwd=directory,
        env={name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = next(line.split()[-1] for line in process.stdout if line.startswith("Tokenry listens on"))
        key = (directory / "tokenry-data" / "tokenry.operator-key").read_text().strip()
        fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = json.dumps({"credential": key}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/verify", body, fields)) as answer:
            answer.read()
        seconds = time.perf_counter() - began
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return seconds, pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        process.stdout.close()
