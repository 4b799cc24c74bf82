"""Verification through the server while its worker sends webhooks: in turn with an idle and a busy worker."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from statistics import median
from typing import Any

from tokenry import Tokenry
from tokenry.installation import make_operator_key
from tokenry.types import Issued

from .hot import issue_caller
from .loads import free_port, load, request_bytes, running
from .measure import Report
from .paced import Felt, paced
from .processor import prefer
from .server import served

KEYS = 1000
ROUNDS = 8
SECONDS = 1.5
RATE = 1000
"""Far below saturation: else the figure is what the worker leaves of the processor."""
P99_MAX = 1.10


def beside_deliveries(report: Report) -> None:
    """Verify 1,000 keys in rotation; in every second round 1,000 deliveries are under way."""
    report.title(f"Verification beside the worker (SQLite, {RATE:,} a second, {KEYS:,} keys)")
    for name, is_inside in (("in the server", True), ("in a process of its own", False)):
        with tempfile.TemporaryDirectory() as folder:
            _measure(report, name, folder, is_inside=is_inside)


def _measure(report: Report, name: str, folder: str, *, is_inside: bool) -> None:
    url, receiver = f"sqlite:///{folder}/keys.db", free_port()
    with Tokenry(url) as tk:
        operator, caller = str(make_operator_key(tk).secret), issue_caller(tk)
        tk.owners.put("receiver")
        many = tk.keys.issue_many([{"owner": "receiver", "name": f"key {number}"} for number in range(KEYS)])
        texts = [str(issued.secret) for issued in many if isinstance(issued, Issued)]
    fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
    asked = [request_bytes("POST", "/v1/verify", fields, json.dumps({"credential": text}).encode()) for text in texts]
    document = {"TOKENRY_WEBHOOK_NETWORKS": "127.0.0.0/8", "TOKENRY_DELIVER_WEBHOOKS": str(is_inside).lower()}
    with ExitStack() as stack:
        stack.enter_context(running([sys.executable, "-m", "bench.receiver", str(receiver)], receiver))
        serving = stack.enter_context(served(folder, url, **document))
        for pid in (os.getpid(), serving.process.pid):  # and not the receiver, which is elsewhere in life
            prefer(pid)
        load(serving.port, asked)  # the first use of a key is an event, which is written down
        api = _Api(serving.port, operator)
        hook = api("POST", "/v1/webhooks", {"url": f"http://127.0.0.1:{receiver}/", "types": ["key.issued"]})
        id, delivered = hook["webhook"]["id"], 0
        if not is_inside:
            command = [sys.executable, "-m", "tokenry.cli", "worker", "--database", url]
            worker = subprocess.Popen(command, env={**os.environ, **document}, stderr=subprocess.DEVNULL)
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        felt: dict[bool, list[Felt]] = {False: [], True: []}
        for turn in range(2 * ROUNDS):
            is_busy = bool(turn % 2)
            if is_busy:
                delivered += api("POST", f"/v1/webhooks/{id}/replay", {"types": ["key.issued"]})["count"]
            requests = [(asked[number % KEYS], True) for number in range(int(RATE * SECONDS))]
            felt[is_busy].append(paced(serving.port, requests, RATE))
            while api("GET", f"/v1/webhooks/{id}/deliveries?status=pending&limit=1")["items"]:
                time.sleep(0.1)
    _tell(report, name, felt, delivered, is_marked=not is_inside)  # threads share one interpreter with the answers


def _tell(report: Report, name: str, felt: dict[bool, list[Felt]], delivered: int, *, is_marked: bool) -> None:
    idle, busy = ([one.p99 for one in felt[is_busy]] for is_busy in (False, True))
    report.line(f"p99, idle worker {name}", f"{min(idle):.2f} ms", f"median of {ROUNDS} rounds {median(idle):.2f} ms")
    report.line(f"p99 beside {delivered:,} deliveries", f"{min(busy):.2f} ms", f"median {median(busy):.2f} ms")
    ratio = min(busy) / min(idle)
    wrong = sum(one.wrong for rounds in felt.values() for one in rounds)
    good = ratio <= P99_MAX and not wrong if is_marked else None
    report.line(f"ratio, worker {name}", f"{ratio:.2f}", f"at most {P99_MAX:.2f}; {wrong} wrong answers", good)


class _Api:
    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        fields = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", data, fields, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
