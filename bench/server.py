"""What the server answers a second beside nginx's `return 200` of the same bytes: one worker each, 64 connections."""

import hashlib
import os
import random
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.servers.postgres import Postgres
from tests.servers.serving import Serving
from tokenry import Limit, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.types import Issued

from .beside import keysigil
from .loads import NONE, Load, free_port, load, nginx, request_bytes, running
from .measure import Report
from .population import fill_postgres, fill_sqlite

ROUNDS = 3
IP = "203.0.113.7"
CHOSEN = 4_000
"""So many keys in turn, each of them used before."""


class Keys(NamedTuple):
    """The keys that are presented: by the caller, in a question, and to a proxy."""

    caller: str
    asked: str
    presented: str


def on_server(report: Report) -> None:
    """From memory, beside nginx; alone on a connection; behind nginx; and what users would build instead."""
    report.title("The server, from memory (SQLite, one worker)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            keys = _issue(tk)
            many = tk.keys.issue_many([{"owner": "user", "name": f"key {number}"} for number in range(1000)])
        with served(folder, url) as serving:
            verify, auth = [_question(keys.caller, keys.asked)], [_presented(keys.presented)]
            beside_nginx(report, serving, "POST /v1/verify", verify, p99_ms_max=6)
            ours = beside_nginx(report, serving, "GET /v1/auth", auth)
            texts = [str(issued.secret) for issued in many if isinstance(issued, Issued)]
            _warm_up(serving.port, keys.caller, texts)
            presented = [_presented(text) for text in texts]
            beside_nginx(report, serving, "GET /v1/auth, one of 1,000 keys each time", presented, alone=False)
            _behind_nginx(report, serving, auth)
            memory = psutil.Process(serving.process.pid).memory_info().rss / 1e6
            report.line("resident", f"{memory:.0f} MB", "at most 120 after start")
        _plain_fastapi(report, folder, keys.presented, ours)
        keysigil(report, ours)


def without_memory(report: Report, count: int) -> None:
    """Every request another key, memory off: SQLite with many keys, and PostgreSQL."""
    report.title(f"The server with memory off (SQLite, {count:,} keys; every request another one)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            caller = _issue(tk).caller
            texts = random.Random(1).sample(fill_sqlite(tk, f"{folder}/keys.db", count), min(CHOSEN, count))
        with served(folder, url, TOKENRY_MEMORY_ENTRIES="0") as serving:
            _warm_up(serving.port, caller, texts)
            questions = [_question(caller, text) for text in texts]
            beside_nginx(report, serving, "POST /v1/verify", questions, ratio=0.30, alone=False)
            beside_nginx(report, serving, "GET /v1/auth", [_presented(text) for text in texts], ratio=0.30, alone=False)


def on_postgres(report: Report, count: int = 50_000) -> None:
    """Every request another key, on PostgreSQL without memory, where lookups of many callers are gathered."""
    report.title(f"The server on PostgreSQL ({count:,} keys, no memory)")
    port = free_port()
    with ExitStack() as stack:
        server = Postgres(settings={"listen_addresses": "127.0.0.1", "port": str(port)}).start()
        stack.callback(server.stop)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        name = server.create_database().split("@/")[1].split("?")[0]
        url, keyring = f"postgresql://postgres@127.0.0.1:{port}/{name}", Path(folder, "keyring")
        write_keyring_file(keyring, fresh_keyring())
        with Tokenry(url, keyring=keyring) as tk:
            caller = _issue(tk).caller
            texts = fill_postgres(tk, url, count)[:CHOSEN]
        serving = stack.enter_context(served(folder, url, TOKENRY_KEYRING=str(keyring), TOKENRY_MEMORY_ENTRIES="0"))
        _warm_up(serving.port, caller, texts)
        for what, requests in (
            ("POST /v1/verify", [_question(caller, text) for text in texts]),
            ("GET /v1/auth", [_presented(text) for text in texts]),
        ):
            best = _best(lambda requests=requests: load(serving.port, requests))  # type: ignore[misc]
            good = best.rate >= 15_000 and not best.failed
            report.line(f"{what}, a second", f"{best.rate:,.0f}", f"at least 15,000; p99 {best.p99_ms:.1f} ms", good)


def beside_nginx(
    report: Report,
    serving: Serving,
    what: str,
    requests: Sequence[bytes],
    *,
    ratio: float = 0.60,
    p99_ms_max: float | None = None,
    alone: bool = True,
) -> float:
    """Measure one route in turn with an nginx that answers the same body; return how many answers a second."""
    body, port = _once(serving.port, requests[0]), free_port()
    quoted = body.decode().replace("\\", "\\\\").replace("'", "\\'")
    ours = reference = NONE
    one = one_reference = NONE
    with nginx(port, f"location / {{ return 200 '{quoted}'; }}"):
        for _ in range(ROUNDS):
            reference = reference.better(load(port, requests))
            ours = ours.better(load(serving.port, requests))
        if alone:
            one_reference = _best(lambda: load(port, requests, connections=1, seconds=1))
            one = _best(lambda: load(serving.port, requests, connections=1, seconds=1))
    share = ours.rate / reference.rate
    told = f"nginx {reference.rate:,.0f}; ratio {share:.2f}, at least {ratio:.2f}"
    report.line(f"{what}, a second", f"{ours.rate:,.0f}", told, share >= ratio and not ours.failed)
    limit = "" if p99_ms_max is None else f"at most {p99_ms_max:g}; "
    good = None if p99_ms_max is None else ours.p99_ms <= p99_ms_max
    report.line(f"{what}, p99 at saturation", f"{ours.p99_ms:.2f} ms", f"{limit}nginx {reference.p99_ms:.2f} ms", good)
    if alone:
        times = one.p50_ms / one_reference.p50_ms
        told = f"nginx {one_reference.p50_ms * 1000:.0f} µs; {times:.2f} times, at most 2.5"
        report.line(f"{what}, one connection, p50", f"{one.p50_ms * 1000:.0f} µs", told, times <= 2.5)
    return ours.rate


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
    told = f"without it {bare.rate:,.0f}; ratio {share:.2f}, at least 0.30"
    report.line(
        "through nginx auth_request, a second", f"{guarded.rate:,.0f}", told, share >= 0.30 and not guarded.failed
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


def _warm_up(port: int, caller: str, texts: Sequence[str]) -> None:
    """Use every key once: the first use of a key is an event, which is written down."""
    for begin in range(0, len(texts), 100):
        questions = ",".join(f'{{"credential":"{text}"}}' for text in texts[begin : begin + 100])
        fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
        _once(port, request_bytes("POST", "/v1/verify/batch", fields, f'{{"questions":[{questions}]}}'.encode()))
    time.sleep(3)  # until that is written


def _best(measure: Callable[[], Load]) -> Load:
    return max(measure() for _ in range(ROUNDS))


def _issue(tk: Tokenry) -> Keys:
    tk.owners.put("user")
    tk.owners.put("ops", tenant="system", admin=True)
    caller = tk.keys.issue("ops", tenant="system", environment="op", name="gateway", scopes=["tokenry:verify"])
    limits = [Limit("default", 10**9, 3600)]
    asked = tk.keys.issue("user", name="asked", scopes=["read:projects"], allowed_ips=["203.0.113.0/24"], limits=limits)
    presented = tk.keys.issue("user", name="presented", scopes=["read:projects"])
    return Keys(str(caller.secret), str(asked.secret), str(presented.secret))


def _question(caller: str, key: str) -> bytes:
    body = f'{{"credential":"{key}","scopes":["read:projects"],"ip":"{IP}"}}'.encode()
    fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
    return request_bytes("POST", "/v1/verify", fields, body)


def _presented(key: str) -> bytes:
    return request_bytes("GET", "/v1/auth", {"Authorization": f"Bearer {key}", "X-Forwarded-For": IP})


def _once(port: int, request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split()
    fields = dict(line.split(": ", 1) for line in lines)
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body or None, fields, method=method)
    with urllib.request.urlopen(asked) as answer:
        found: bytes = answer.read()
    return found


@contextmanager
def served(folder: str, url: str, **environment: str) -> Iterator[Serving]:
    trusted = {"TOKENRY_TRUSTED_PROXIES": "127.0.0.1", "TOKENRY_DATABASE_URL": url}
    serving = Serving(Path(folder), environment={**trusted, **environment})
    try:
        yield serving
    finally:
        serving.process.terminate()
        serving.process.wait(15)
