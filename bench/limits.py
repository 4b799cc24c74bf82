"""What limits cost the server: 1,000 keys in rotation, each with a limit, beside 1,000 keys without any, in one run."""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.servers.postgres import Postgres
from tests.servers.serving import Serving
from tokenry import Limit, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.types import Issued

from .loads import Load, load
from .measure import Report
from .server import _issue, _question, _warm_up, served

KEYS = 1_000
ROUNDS = 5
LEAD_IN_SECONDS, SECONDS = 1, 5
RATIO_MAX = 1.5
SIZES = (("10,000 a minute", Limit("minute", 10_000, 60)), ("2,000 a minute", Limit("minute", 2_000, 60)))


def on_server(report: Report) -> None:
    """Limits of two sizes on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder:
        _measured(report, "SQLite", folder, f"sqlite:///{folder}/keys.db")
    with _postgres() as (folder, url, keyring):
        _measured(report, "PostgreSQL", folder, url, TOKENRY_KEYRING=keyring)


@contextmanager
def _postgres() -> Iterator[tuple[str, str, str]]:
    with ExitStack() as stack:
        server = Postgres().start()
        stack.callback(server.stop)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        keyring = Path(folder, "keyring")
        write_keyring_file(keyring, fresh_keyring())
        yield folder, server.create_database(), str(keyring)


def _measured(report: Report, name: str, folder: str, url: str, **environment: str) -> None:
    report.title(f"POST /v1/verify with limits ({name}, one worker, {KEYS:,} keys in rotation)")
    limits = {"no limits": None, **dict(SIZES)}
    texts: dict[str, list[str]] = {}
    with Tokenry(url, keyring=environment.get("TOKENRY_KEYRING")) as tk:
        caller = _issue(tk).caller
        for kind, limit in limits.items():
            asked = {"owner": "user", "scopes": ["read:projects"], "limits": [limit] if limit else []}
            many = tk.keys.issue_many([{**asked, "name": f"{kind} {number}"} for number in range(KEYS)])
            texts[kind] = [str(issued.secret) for issued in many if isinstance(issued, Issued)]
    with served(folder, url, **environment) as serving:
        found: dict[str, list[tuple[Load, float]]] = {kind: [] for kind in limits}
        for kind in limits:
            _warm_up(serving.port, caller, texts[kind])
        for _ in range(ROUNDS):
            for kind in limits:
                found[kind].append(_round(serving, [_question(caller, text) for text in texts[kind]]))
    plain = _typical(found["no limits"])
    for kind, loads in found.items():
        each = _typical(loads)
        times = each[0].p99_ms / plain[0].p99_ms
        told = f"p50 {each[0].p50_ms:.1f}, p99.9 {each[0].p999_ms:.1f} ms; {each[0].rate:,.0f}/s, {each[1]:.0f} µs CPU"
        good = None if kind == "no limits" else times <= RATIO_MAX and not any(one.failed for one, _ in loads)
        told += "" if good is None else f"; {times:.2f} times, at most {RATIO_MAX:g}"
        report.line(f"{kind}, p99", f"{each[0].p99_ms:.2f} ms", told, good)


def _typical(loads: list[tuple[Load, float]]) -> tuple[Load, float]:
    """Return the round whose p99 is in the middle."""
    middle = statistics.median_low([one.p99_ms for one, _ in loads])
    return next(each for each in loads if each[0].p99_ms == middle)


def _round(serving: Serving, requests: list[bytes]) -> tuple[Load, float]:
    """Measure one round; return it with the microseconds of CPU that the server used for each request.

    The keys are in rotation already: what idle keys cost that come back is no part of it.
    """
    load(serving.port, requests, seconds=LEAD_IN_SECONDS)
    process = psutil.Process(serving.process.pid)
    before = sum(process.cpu_times()[:2])
    found = load(serving.port, requests, seconds=SECONDS)
    return found, (sum(process.cpu_times()[:2]) - before) / max(1, found.count) * 1e6
