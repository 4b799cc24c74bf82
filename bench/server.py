"""The server behind nginx, and what people would build instead of it."""

import hashlib
import os
import sqlite3
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers.serving import Serving
from tokenry import Tokenry
from tokenry.types import Issued

from .beside import keysigil
from .loads import NONE, Load, free_port, load, nginx, request_bytes, running
from .measure import Report

ROUNDS = 3
IP = "203.0.113.7"


def on_server(report: Report) -> None:
    """Behind nginx, and what users would build instead; `GET /v1/auth` with 1,000 keys in rotation."""
    report.title("Around the server (SQLite, one worker, GET /v1/auth, 1,000 keys)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            many = tk.keys.issue_many([{"owner": "user", "name": f"key {number}"} for number in range(1000)])
            texts = [str(issued.secret) for issued in many if isinstance(issued, Issued)]
        requests = [
            request_bytes("GET", "/v1/auth", {"Authorization": f"Bearer {text}", "X-Forwarded-For": IP})
            for text in texts
        ]
        with served(folder, url) as serving:
            load(serving.port, requests)  # the first use of a key is an event, which is written down
            ours = _best(lambda: load(serving.port, requests)).rate
            one = _best(lambda: load(serving.port, requests, connections=1, seconds=1))
            report.line("a second", f"{ours:,.0f}", f"one connection, p50: {one.p50_ms * 1000:.0f} µs")
            _behind_nginx(report, serving, requests)
            memory = psutil.Process(serving.process.pid).memory_info().rss / 1e6
            report.line("resident", f"{memory:.0f} MB", "at most 120", memory <= 120)
        _plain_fastapi(report, folder, texts[0], ours)
        keysigil(report, ours)


def beside_nginx(report: Report, serving: Serving, what: str, requests: Sequence[bytes], *, ratio: float) -> None:
    """Measure one route in turn with an nginx that answers the same body."""
    body, port = once(serving.port, requests[0]), free_port()
    quoted = body.decode().replace("\\", "\\\\").replace("'", "\\'")
    ours = reference = NONE
    with nginx(port, f"location / {{ return 200 '{quoted}'; }}"):
        for _ in range(ROUNDS):
            reference = reference.better(load(port, requests))
            ours = ours.better(load(serving.port, requests))
    share = ours.rate / reference.rate
    message = f"nginx {reference.rate:,.0f}; ratio {share:.2f}, at least {ratio:.2f}"
    report.line(f"{what}, a second", f"{ours.rate:,.0f}", message, share >= ratio and not ours.failed)


def _behind_nginx(report: Report, serving: Serving, requests: Sequence[bytes]) -> None:
    """Measure what nginx serves a second when it asks us about every request, and when it does not."""
    port = free_port()
    upstreams = f"upstream tokenry {{ server 127.0.0.1:{serving.port}; keepalive 64; }}"
    asking = (
        "location = /_auth { internal; proxy_pass http://tokenry/v1/auth; proxy_http_version 1.1; "
        'proxy_set_header Connection ""; proxy_pass_request_body off; proxy_set_header Content-Length ""; }'
    )
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        Path(root, "v1").mkdir()
        Path(root, "v1", "auth").write_text('{"ok":true}')
        bare = guarded = NONE
        for _ in range(ROUNDS):
            with nginx(port, f"location / {{ root {root}; }}"):
                bare = bare.better(load(port, requests))
            with nginx(port, f"location / {{ auth_request /_auth; root {root}; }} {asking}", upstreams):
                guarded = guarded.better(load(port, requests))
    share = guarded.rate / bare.rate
    message = f"without it {bare.rate:,.0f}; ratio {share:.2f}, at least 0.30"
    report.line(
        "through nginx auth_request, a second", f"{guarded.rate:,.0f}", message, share >= 0.30 and not guarded.failed
    )


def _plain_fastapi(report: Report, folder: str, key: str, ours: float) -> None:
    """Measure what people would build instead."""
    path, port = f"{folder}/plain.db", free_port()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE api_key (hash TEXT PRIMARY KEY, owner, scopes, revoked)")
    connection.execute(
        "INSERT INTO api_key VALUES (?, 'user', 'read:projects', 0)", (hashlib.sha256(key.encode()).hexdigest(),)
    )
    connection.commit()
    connection.close()
    command = [sys.executable, "-m", "uvicorn", "bench.plain_fastapi:app", "--port", str(port), "--no-access-log"]
    with running([*command, "--log-level", "error"], port, env={**os.environ, "BENCH_DATABASE": path}):
        best = _best(lambda: load(port, [request_bytes("GET", "/v1/auth", {"X-API-Key": key})]))
    report.line(
        "instead: a FastAPI dependency, sha256 and SQLite", f"{best.rate:,.0f}", f"ours {ours / best.rate:.0f} times"
    )


def _best(measure: Callable[[], Load]) -> Load:
    return max(measure() for _ in range(ROUNDS))


def once(port: int, request: bytes) -> bytes:
    """Send one request; return the body of the answer."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split()
    fields = dict(line.split(": ", 1) for line in lines)
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body or None, fields, method=method)
    with urllib.request.urlopen(asked) as answer:
        found: bytes = answer.read()
    return found


@contextmanager
def served(folder: str, url: str, module: str = "tokenry.cli", **environment: str) -> Iterator[Serving]:
    """Run a server on a database."""
    trusted = {"TOKENRY_TRUSTED_PROXIES": "127.0.0.1", "TOKENRY_DATABASE_URL": url}
    serving = Serving(Path(folder), environment={**trusted, **environment}, module=module)
    try:
        yield serving
    finally:
        serving.process.terminate()
        serving.process.wait(15)
