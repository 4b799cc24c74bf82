"""The cost of a management request: CPU of the server's process per request, beside a bare ASGI endpoint.

The processor time comes from `/proc`, so that a busy neighbour does not count. `mixed` is a closed loop of readers and
writers, each on a connection of its own.
"""

import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tokenry import Tokenry
from tokenry.installation import make_operator_key

from .loads import free_port, running
from .measure import Report, seconds_each
from .server import served

COUNT = 400
WRITERS = 16
MIXED_SECONDS = 30
_TICK = os.sysconf("SC_CLK_TCK")
BARE = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})
"""


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


class Caller:
    """A kept connection to a server, as one caller."""

    def __init__(self, port: int, key: str = "") -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """Send one request and return what the answer says; raise for a failure of the server."""
        fields = {**self._fields, **({"Authorization": f"Bearer {key}"} if key else {})}
        self._http.request(method, path, None if body is None else json.dumps(body), fields)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def exchange(self, key: str) -> None:
        """Derive a token from a key."""
        kind = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
        body = f"grant_type={kind}&subject_token={key}&subject_token_type=urn%3Atokenry%3Atoken-type%3Akey"
        fields = {**self._fields, "Content-Type": "application/x-www-form-urlencoded"}
        self._http.request("POST", "/oauth/token", body, fields)
        answer = self._http.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"exchange: {answer.status} {answer.read()[:300]!r}")
        answer.read()


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """Run a bare ASGI endpoint on the same uvicorn; yield its port and its process id."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bare.py").write_text(BARE)
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--log-level", "error"]
        with running([*command, "--no-access-log"], port, cwd=folder) as process:
            yield port, process.pid


def cost(pid: int, callers: list[Caller], work: Callable[[Caller, int], object], count: int = COUNT) -> float:
    """Return the microseconds of processor time that one request costs a server."""
    numbers = iter(range(count))
    lock = threading.Lock()

    def run(caller: Caller) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            work(caller, number)

    began = processor_seconds(pid)
    threads = [threading.Thread(target=run, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (processor_seconds(pid) - began) / count * 1e6


def in_library(report: Report) -> None:
    """Measure reads and changes of the library itself, on a file with 10,000 keys."""
    report.title("management in the library (SQLite, 10,000 keys)")
    with tempfile.TemporaryDirectory() as folder, Tokenry(f"sqlite:///{folder}/keys.db") as tk:
        ids = _fill(tk)
        again = random.Random(1)
        get = seconds_each(lambda: tk.keys.get(again.choice(ids)), 2000) * 1e6
        report.line("keys.get", f"{get:.0f} µs", "<= 60 µs", get <= 60)
        many = seconds_each(lambda: tk.keys.list(limit=50), 200) * 1e3
        report.line("keys.list(limit=50)", f"{many:.2f} ms", "<= 0.7 ms", many <= 0.7)


def over_http(report: Report) -> None:
    """Measure each kind of request on one connection, and changes on 16."""
    report.title("management over HTTP: processor time of the server per request (SQLite, WAL and FULL, 10,000 keys)")
    with bare() as (port, pid):
        caller = Caller(port)
        reference = cost(pid, [caller], lambda one, _: one.ask("GET", "/"), 5 * COUNT)
    report.line("a bare ASGI endpoint on the same uvicorn", f"{reference:.0f} µs")
    with _installation() as (port, pid, operator, tk_ids, secret):
        one, many = [Caller(port, operator)], [Caller(port, operator) for _ in range(WRITERS)]
        again = random.Random(2)
        changed = {"description": "changed"}
        # The first request makes the signing key, which must not be measured.
        one[0].ask("GET", "/.well-known/jwks.json")

        def key(number: int | None = None) -> str:
            return f"/v1/keys/{again.choice(tk_ids) if number is None else tk_ids[number]}"

        marks: list[tuple[str, float, list[Caller], Callable[[Caller, int], object], int]] = [
            ("get one key", 300, one, lambda c, _: c.ask("GET", key()), 5 * COUNT),
            ("list 50 of 10,000", 1000, one, lambda c, _: c.ask("GET", "/v1/keys?limit=50"), COUNT),
            ("JWKS", 60, one, lambda c, _: c.ask("GET", "/.well-known/jwks.json"), 5 * COUNT),
            ("exchange a key for a token", 600, one, lambda c, _: c.exchange(secret), COUNT),
            ("create", 1200, many, _create, 2 * COUNT),
            (
                "update",
                1200,
                many,
                lambda c, n: c.ask("PATCH", key(n), changed),
                COUNT,
            ),
            ("rotate", 1200, many, lambda c, n: c.ask("POST", f"{key(n)}/rotate"), COUNT),
            ("revoke", 1200, many, lambda c, n: c.ask("POST", f"{key(n)}/revoke"), COUNT),
        ]
        for what, most, callers, work, count in marks:
            took = cost(pid, callers, work, count)
            figure = f"{took:.0f} µs"
            report.line(what, figure, f"<= {most:.0f} µs ({took / reference:.1f} times bare)", took <= most)


def mixed(report: Report) -> None:
    """Measure 15 readers and 5 writers in a closed loop."""
    report.title(f"management, a mixed workload: 15 readers and 5 writers for {MIXED_SECONDS} s")
    counts: list[int] = []
    took = mix(processor_seconds, counts) / sum(counts) * 1e6
    report.line("processor time per request", f"{took:.0f} µs", "<= 400 µs", took <= 400)
    report.line("requests a second", f"{sum(counts) / MIXED_SECONDS:.0f}")


def mix(measured: Callable[[int], float], counts: list[int] | None = None) -> float:
    """Return how much more is measured of the server's process after the workload; add what each caller asked."""
    asked: list[int] = [] if counts is None else counts
    with _installation() as (port, pid, operator, ids, secret):
        ended = time.monotonic() + MIXED_SECONDS
        failed: list[BaseException] = []

        def run(loop: Callable[[Caller, str, list[str], int], int], number: int) -> None:
            caller, done = Caller(port, operator), 0
            try:
                while time.monotonic() < ended:
                    done += loop(caller, secret, ids, number * 1_000_000 + done)
            except BaseException as error:  # told by the thread that reports
                failed.append(error)
            asked.append(done)

        began = measured(pid)
        loops = [_read] * 15 + [_write] * 5
        threads = [threading.Thread(target=run, args=(loop, number)) for number, loop in enumerate(loops)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        return measured(pid) - began


def _read(caller: Caller, secret: str, ids: list[str], number: int) -> int:
    question = {"credential": secret}
    caller.ask("GET", "/healthz")
    caller.ask("POST", "/v1/verify", question)
    for _ in range(3):
        caller.ask("POST", "/v1/verify/batch", {"questions": [question] * 3})
    caller.ask("GET", f"/v1/keys/{ids[number % len(ids)]}")
    caller.ask("GET", "/v1/keys?limit=50")
    caller.exchange(secret)
    caller.ask("GET", "/.well-known/jwks.json")
    caller.ask("POST", "/v1/verify", {"credential": secret[:-1] + ("a" if secret[-1] != "a" else "b")})
    return 10


def _write(caller: Caller, secret: str, ids: list[str], number: int) -> int:
    issued = _create(caller, number)
    path, first = f"/v1/keys/{issued['key']['id']}", issued["secret"]
    caller.ask("POST", "/v1/verify", {"credential": first})
    caller.ask("PATCH", path, {"description": "changed"})
    second = caller.ask("POST", f"{path}/rotate")["secret"]
    assert caller.ask("POST", "/v1/verify", {"credential": second})["valid"]
    assert not caller.ask("POST", "/v1/verify", {"credential": first})["valid"]
    caller.ask("POST", f"{path}/revoke")
    assert not caller.ask("POST", "/v1/verify", {"credential": second})["valid"]
    return 8


def _create(caller: Caller, number: int) -> Any:
    return caller.ask("POST", "/v1/keys", {"owner": "user", "name": f"new {number}", "scopes": ["read:a"]})


def _fill(tk: Tokenry, count: int = 10_000) -> list[str]:
    tk.owners.put("user")
    ids: list[str] = []
    for start in range(0, count, 1000):
        keys = [{"owner": "user", "name": f"key {start + n}", "scopes": ["read:a"]} for n in range(1000)]
        ids += [one.key.id for one in tk.keys.issue_many(keys)]  # type: ignore[union-attr]
    return ids


@contextmanager
def _installation() -> Iterator[tuple[int, int, str, list[str], str]]:
    """Serve an installation of 10,000 keys; yield port, process id, an operator's key, ids, and a key to present."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            operator = str(make_operator_key(tk).secret)
            ids = _fill(tk)
            issued = tk.keys.issue("user", name="presented", scopes=["read:a"], expires_in=timedelta(days=1))
        with served(folder, url) as serving:
            yield serving.port, serving.process.pid, operator, ids, str(issued.secret)
