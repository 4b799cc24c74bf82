"""The longest pauses of the server's event loop under 10,000 keys in rotation, and what each comes from."""

import json
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tokenry import Tokenry

from .hot import SHARE, issue_caller, lead_in, remember
from .loads import wrk
from .measure import Report
from .paced import paced
from .population import Like, fill_sqlite
from .processor import prefer
from .server import served
from .traffic import ALLOWED, Traffic, bad_keys, in_rotation, presentations, questions

KEYS = 10_000
SHOWN = 15
SECONDS = 12
LONGEST_MS_MAX = 5.0


def of_the_loop(report: Report) -> None:
    """Send verifications at 70 % of saturation, a share of them bad, then forward-auth; name the sources of pauses."""
    for route in ("verify", "auth"):
        report.title(
            f"Pauses of the event loop, {route} at {SHARE:.0%} of saturation ({KEYS:,} keys, 5 % bad requests)"
        )
        with tempfile.TemporaryDirectory() as folder:
            url, written = f"sqlite:///{folder}/keys.db", Path(folder, "pauses.json")
            with Tokenry(url) as tk:
                caller = issue_caller(tk)
                texts = fill_sqlite(tk, f"{folder}/keys.db", KEYS, Like(ALLOWED, ("minute", 10_000, 60), 1))
                bad = bad_keys(tk, texts, 500)
            order = in_rotation(texts, bad=bad, share=0.05)
            traffic = Traffic(order, questions(caller) if route == "verify" else presentations(), frozenset(bad))
            with served(folder, url, "bench.watched", BENCH_PAUSES=str(written), PYTHONPATH=str(Path.cwd())) as serving:
                for pid in (os.getpid(), serving.process.pid):
                    prefer(pid)
                remember(serving.port, caller, set(texts))
                lead_in(serving.port, traffic, folder)
                rate = SHARE * wrk(serving.port, traffic.script(folder), seconds=2).rate
                began = time.perf_counter() + 1  # on Linux the same clock in every process
                # Not while connections are made, nor when all of them end.
                felt = paced(serving.port, list(traffic.requests(int(rate * SECONDS))), rate)
                ended = time.perf_counter() - 1
            result = json.loads(written.read_text())
        pauses = [one for one in result["pauses"] if began < one["at"] < ended]
        _tell(report, [{**one, "stood": _stood(one, result["each"])} for one in pauses])
        report.line(
            f"{rate:,.0f} a second, p99", f"{felt.p99:.2f} ms", f"p50 {felt.p50:.2f}, longest {felt.longest:.1f}"
        )


def _stood(pause: dict[str, Any], each: float) -> float:
    """Return how much of a pause went neither to answers nor to neighbours on the machine.

    While the loop waits for another thread, a processor that this one has to wait for counts as a neighbour's.
    """
    waiting = max(0.0, pause["took"] - pause["loop"] - pause["delayed"])
    neighbours = pause["delayed"] + min(waiting, pause["others_delayed"])
    return max(0.0, float(pause["took"] - neighbours - each * pause["answered"]))


def _tell(report: Report, pauses: list[dict[str, Any]]) -> None:
    longest = max([one["stood"] for one in pauses] or [0.0]) * 1000
    message = f"at most {LONGEST_MS_MAX:g}; {len(pauses)} pauses over 1 ms in {SECONDS} s"
    report.line("longest standstill", f"{longest:.1f} ms", message, longest <= LONGEST_MS_MAX)
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in pauses:
        by[_source(one)].append(one)
    for source, some in sorted(by.items(), key=lambda each: -max(one["stood"] for one in each[1]))[:SHOWN]:
        worst = max(some, key=lambda one: one["stood"])
        names = ("took", "loop", "others", "delayed", "others_delayed", "collecting")
        parts = ", ".join(f"{name} {worst[name] * 1000:.1f}" for name in names)
        message = f"{parts}, {worst['answered']:.0f} answers"
        print(f"  {len(some):4} times, up to {worst['stood'] * 1000:5.1f} ms ({message})  {source}", flush=True)


def _source(pause: dict[str, Any]) -> str:
    """Return the main cause of a pause: the loop itself, another thread beside it, or the collector."""
    if pause["collecting"] > pause["took"] / 2:
        return "the collector"
    loop, *beside = pause["frames"]
    if beside:
        return " | ".join(beside)
    return f"the loop itself: {loop}" if pause["loop"] > pause["took"] / 4 else f"the loop waits: {loop}"
