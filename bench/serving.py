"""How long the server takes to start, and how much memory it then has, beside a bare ASGI application on uvicorn.

Both run on compiled modules, as `pip install` leaves them. Processor time is what a busy machine does not change.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from .loads import free_port
from .management import BARE, mix, processor_seconds
from .measure import Report

NEW_SECONDS_MAX, SECONDS_MAX = 1.0, 0.6
RESIDENT_MEGABYTES_MAX, MIXED_MEGABYTES_MAX = 75, 110
ROUNDS = 5


class Started(NamedTuple):
    """The time to the first answer, and the memory of the process at that moment."""

    seconds: float
    processor: float
    megabytes: float


def starting(report: Report) -> None:
    """Measure from the command to the first answer, on a new database and on one that is there."""
    report.title("the server: start and memory")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("bare.py").write_text(BARE)
        _start(_bare, folder)  # compiles what is imported
        _start(_serve, _below(folder, "first"))
        reference = min(_start(_bare, folder) for _ in range(ROUNDS))
        fresh = min(_start(_serve, _below(folder, str(number))) for number in range(ROUNDS))
        again = min(_start(_serve, folder / "first") for _ in range(ROUNDS))
    report.line("a bare ASGI application on uvicorn, to the first answer", _figures_text(reference))
    for what, found, most in (("a new database", fresh, NEW_SECONDS_MAX), ("one that is there", again, SECONDS_MAX)):
        report.line(
            f"start on {what}, to the first answer", _figures_text(found), f"<= {most:g} s", found.seconds <= most
        )
    good = again.megabytes <= RESIDENT_MEGABYTES_MAX
    message = f"<= {RESIDENT_MEGABYTES_MAX} MB; bare {reference.megabytes:.0f}"
    report.line("resident after start", f"{again.megabytes:.0f} MB", message, good)
    mixed = again.megabytes + mix(megabytes)
    good = mixed <= MIXED_MEGABYTES_MAX
    report.line("resident after the mixed workload, of 10,000 keys", f"{mixed:.0f} MB", "<= 110 MB", good)


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _below(folder: Path, name: str) -> Path:
    folder.joinpath(name).mkdir()
    return folder / name


def _figures_text(found: Started) -> str:
    return f"{found.seconds:.2f} s ({found.processor:.2f} of processor)"


def _start(run: Callable[[Path, Mapping[str, str]], tuple[subprocess.Popen[str], float]], folder: Path) -> Started:
    """Start a server, ask it once, end it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TOKENRY_", "PYTHON"))}
    environment["PYTHONPYCACHEPREFIX"] = f"{tempfile.gettempdir()}/tokenry-bench-compiled"
    process, seconds = run(folder, environment)
    try:
        return Started(seconds, processor_seconds(process.pid), megabytes(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        if process.stdout is not None:
            process.stdout.close()


def _serve(folder: Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], float]:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenry.cli", "serve", "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    address = next(line.split()[-1] for line in process.stdout if line.startswith("Tokenry listens on"))
    key = (folder / "tokenry-data" / "tokenry.operator-key").read_text().strip()
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"credential": key}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/verify", body, fields)) as answer:
        answer.read()
    return process, time.perf_counter() - began


def _bare(folder: Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], float]:
    port, began = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=folder, env=environment, text=True)
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                answer.read()
            return process, time.perf_counter() - began
        except OSError:
            time.sleep(0.005)
