"""Metrics: the counters as Prometheus reads them, over all workers, and nobody's name in them."""

import asyncio
import re
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tokenry import __version__
from tokenry.api.process.counters import Counters
from tokenry.api.process.metrics import Metrics
from tokenry.edge import FORM


async def ready() -> str:
    return ""


async def away() -> str:
    return "the database does not answer"


def counters(count: int) -> Counters:
    counted = Counters()
    for _ in range(count):
        counted.answered("/v1/verify", 200)
        counted.count_verdict("valid")
    counted.count_verdict("expired")
    counted.lane_count = count
    return counted


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = list(text_string_to_metric_families(text.decode()))
    assert len({family.name for family in families}) == len(families), "each family is one block"
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_a_scrape_shows_what_was_counted() -> None:
    shown = samples(asyncio.run(Metrics(counters(3), connections=lambda: 7, ready=away)()))
    worker = ("worker", "0")
    assert shown["tokenry_answers_total", (("route", "/v1/verify"), ("status", "200"), worker)] == 3
    assert shown["tokenry_verdicts_total", (("code", "valid"), worker)] == 3
    assert shown["tokenry_verdicts_total", (("code", "expired"), worker)] == 1
    assert shown["tokenry_lane_answers_total", (worker,)] == 3
    assert shown["tokenry_connections", (worker,)] == 7
    assert shown["tokenry_ready", (worker,)] == 0
    assert shown["process_resident_memory_bytes", (worker,)] > 1_000_000
    assert shown["tokenry_worker_up", (worker,)] == 1
    assert shown["tokenry_info", (("form", FORM), ("version", __version__), worker)] == 1


def test_a_scrape_of_one_worker_shows_all_and_says_who_is_missing(tmp_path: Path) -> None:
    async def scrape() -> bytes:
        workers = [
            Metrics(counters(slot + 1), ready=ready, worker=slot, workers=3, meeting=tmp_path) for slot in range(3)
        ]
        async with workers[0].shared(), workers[1].shared():
            return await workers[0]()

    shown = samples(asyncio.run(scrape()))
    assert shown["tokenry_lane_answers_total", (("worker", "0"),)] == 1
    assert shown["tokenry_lane_answers_total", (("worker", "1"),)] == 2
    assert ("tokenry_lane_answers_total", (("worker", "2"),)) not in shown
    assert [shown["tokenry_worker_up", (("worker", str(slot)),)] for slot in range(3)] == [1, 1, 0]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_hangs_delays_a_scrape_for_seconds_at_most(tmp_path: Path) -> None:
    async def scrape() -> tuple[bytes, float]:
        began = asyncio.get_running_loop().time()
        text = await Metrics(counters(1), ready=ready, workers=2, meeting=tmp_path)()
        return text, asyncio.get_running_loop().time() - began

    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "1"))
        hung.listen()  # whose connections nobody ever takes
        text, took = asyncio.run(scrape())
    assert took < 5
    assert samples(text)["tokenry_worker_up", (("worker", "1"),)] == 0


def test_labels_are_of_a_fixed_vocabulary() -> None:
    text = asyncio.run(Metrics(counters(1), ready=ready)()).decode()
    assert set(re.findall(r'(\w+)="', text)) <= {"route", "status", "code", "worker", "version", "form"}
