"""The counts of this process and its siblings for Prometheus. No label names a key, owner or tenant."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest

import tokenry
from tokenry.edge import FORM, FenceState, encode

from .counters import Counters

_SIBLING_SECONDS = 3.0  # longer than the database has to answer
_SIBLING_BYTES_MAX = 1 << 20
_PROCESS = ProcessCollector(registry=CollectorRegistry())


class Sample(NamedTuple):
    """One number."""

    labels: dict[str, str]
    value: float


class Family(NamedTuple):
    """Numbers of one name, as they travel between the processes of a server."""

    name: str
    kind: str
    about: str
    samples: list[Sample]


_decode = msgspec.json.Decoder(list[Family]).decode


class Metrics:
    """The numbers of one process, and of those beside it when several answer on one address.

    A scrape reaches whichever process takes it. That one asks its siblings, so that every scrape shows all of them,
    told apart by the label `worker`; one that does not answer in time is missing, as `tokenry_worker_up` says.
    """

    def __init__(
        self,
        counters: Counters,
        *,
        connections: Callable[[], int] = lambda: 0,
        ready: Callable[[], Awaitable[str]],
        fence: Callable[[], FenceState | None] = lambda: None,
        waiting: Callable[[], int] = lambda: 0,
        delivering: Callable[[], Iterable[tuple[str, str, Mapping[tuple[str, str], int]]]] = lambda: (),
        worker: int = 0,
        workers: int = 1,
        meeting: Path | None = None,
    ) -> None:
        self._counters = counters
        self._connections = connections
        self._ready = ready
        self._fence = fence
        self._waiting = waiting
        self._delivering = delivering
        self._worker = worker
        self._siblings = [slot for slot in range(workers) if slot != worker]
        self._meeting = meeting
        self._listening: asyncio.Server | None = None

    async def __call__(self) -> bytes:
        """Return the text of a scrape."""
        own, *theirs = await asyncio.gather(self.own(), *map(self._ask, self._siblings))
        return _text(_merged({self._worker: own, **dict(zip(self._siblings, theirs, strict=True))}))

    async def own(self) -> list[Family]:
        """Return the numbers of this process."""
        missing = await self._ready()
        return list(self._families(ready=not missing))

    def _families(self, *, ready: bool) -> Iterator[Family]:
        counted = self._counters
        answers = [Sample({"route": route, "status": str(status)}, n) for (route, status), n in counted.answers.items()]
        verdicts = [Sample({"code": code}, n) for code, n in counted.verdicts.items()]
        yield Family("tokenry_answers", "counter", "Answers on the hot routes.", answers)
        yield Family("tokenry_verdicts", "counter", "Verdicts on credentials, by their code.", verdicts)
        for name, about, count in (
            ("lane_answers", "Requests that the fast lane answered itself.", counted.lane_count),
            ("lane_parsed", "Requests that the fast lane had to parse.", counted.parsed_count),
            ("lane_waited", "Requests in the fast lane that waited for the database.", counted.waited_count),
            ("lane_handed_over", "Requests on hot routes that went the ordinary way.", counted.handed_over_count),
            ("refused_requests", "Requests refused as unreadable, too large or too slow.", counted.refused_count),
        ):
            yield Family(f"tokenry_{name}", "counter", about, [Sample({}, count)])
        for name, about, value in (
            ("connections", "Connections that are open.", self._connections()),
            ("waiting", "Requests that wait for events.", self._waiting()),
            ("ready", "1 when the database answers in time.", int(ready)),
        ):
            yield Family(f"tokenry_{name}", "gauge", about, [Sample({}, value)])
        for name, about, counts in self._delivering():
            samples = [Sample(dict([label]), count) for label, count in counts.items()]
            yield Family(f"tokenry_{name}", "counter", about, samples)
        if (fence := self._fence()) is not None:
            yield from _of_fence(fence)
        info = Sample({"version": tokenry.__version__, "form": FORM}, 1)
        yield Family("tokenry_info", "gauge", "The version that runs, and its form: pure or compiled.", [info])
        for metric in _PROCESS.collect():
            samples = [Sample(dict(sample.labels), sample.value) for sample in metric.samples]
            yield Family(metric.name, metric.type, metric.documentation, samples)

    @contextlib.asynccontextmanager
    async def shared(self) -> Any:
        """Answer the siblings while the block runs."""
        if self._meeting is None:
            yield
            return
        place = self._meeting / str(self._worker)
        place.unlink(missing_ok=True)  # the socket of the worker that this one replaces
        async with await asyncio.start_unix_server(self._tell, place):
            yield
        place.unlink(missing_ok=True)

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(encode(await self.own()))
            await writer.drain()
            writer.close()

    async def _ask(self, sibling: int) -> list[Family]:
        assert self._meeting is not None
        try:
            async with asyncio.timeout(_SIBLING_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._meeting / str(sibling))
                with contextlib.closing(writer):
                    return _decode(await reader.read(_SIBLING_BYTES_MAX))
        except (OSError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError):
            return []


def _of_fence(fence: FenceState) -> Iterator[Family]:
    for name, kind, about, value in (
        ("lag_seconds", "gauge", "How long ago the process asked for changes by others.", fence.lag_seconds),
        ("distrusting", "gauge", "1 while it asks the database instead of its memory.", int(fence.distrusting)),
        ("turns", "counter", "Changes by others that it has heard of.", fence.turns),
        ("evictions", "counter", "How often it was counted out, since it did not answer.", fence.evictions),
    ):
        yield Family(f"tokenry_fence_{name}", kind, about, [Sample({}, value)])


def _merged(everybody: dict[int, list[Family]]) -> Iterable[Family]:
    """Put the numbers of all workers together, a family at a time as the format demands."""
    merged: dict[str, Family] = {}
    for worker, families in sorted(everybody.items()):
        for family in families:
            into = merged.setdefault(family.name, family._replace(samples=[]))
            into.samples.extend(Sample({**labels, "worker": str(worker)}, value) for labels, value in family.samples)
    up = [Sample({"worker": str(worker)}, int(bool(families))) for worker, families in sorted(everybody.items())]
    return [*merged.values(), Family("tokenry_worker_up", "gauge", "1 when the worker is in this scrape.", up)]


class _Given:
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.about, family.kind)
            for labels, value in family.samples:
                metric.add_sample(family.name + ("_total" if family.kind == "counter" else ""), labels, value)
            yield metric


def _text(families: Iterable[Family]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Given(families))
    return generate_latest(registry)
