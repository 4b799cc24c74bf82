"""`tokenry bench`: how long verifications take here, measured for a bounded time."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .call import REFUSED, Call, command
from .credentials import SecretFile, presented

if TYPE_CHECKING:
    from tokenry.types import Verdict

Verify = Callable[[], "Verdict"]
_SAMPLES_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one measurement; times are in microseconds."""

    name: str
    count: int
    per_second: int
    p50: float
    p99: float
    max: float


def bench(
    call: Call,
    secret_file: SecretFile = None,
    seconds: Annotated[
        int, typer.Option("--seconds", metavar="COUNT", min=1, max=60, help="How long each measurement lasts.")
    ] = 3,
    connections: Annotated[
        int, typer.Option("--connections", metavar="COUNT", min=1, max=64, help="How many at once, of a server.")
    ] = 4,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="A scope that is asked for; repeatable.")
    ] = None,
    ip: Annotated[str | None, typer.Option("--ip", metavar="ADDRESS", help="The client's address.")] = None,
) -> None:
    """Measure verifications of one credential, which is read as by `verify`.

    On a database with and without memory, on a server over several connections. They ask with cost 0, which takes
    nothing from the limits of the key, but they count as use.
    """
    text = presented(call, secret_file)
    ask: dict[str, Any] = {"scopes": scope or None, "ip": ip, "cost": 0}
    found = _of_server(call, text, ask, seconds, connections) if call.server else _here(call, text, ask, seconds)
    if call.out.record(measured=found):
        return
    columns = ("verifications", "per second", "p50 µs", "p99 µs", "max µs", "count")
    rows = [(m.name, str(m.per_second), *(f"{t:.1f}" for t in (m.p50, m.p99, m.max)), str(m.count)) for m in found]
    call.out.table(columns, rows)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "bench", context_settings={"allow_extra_args": True})(bench)


def _here(call: Call, text: str, ask: dict[str, Any], seconds: int) -> list[Measured]:
    """Measure the library in this process, on one thread."""
    from tokenry.tokenry import Tokenry

    installation, found = call.installation(), []
    installation.open().close()  # the check reports any mistake
    for name, entries in (("with memory", 1000), ("without memory", 0)):
        settings = dataclasses.replace(installation.settings, exclusive=False, migrate=False, memory_entries=entries)
        with Tokenry(installation.database_url, keyring=installation.keyring, settings=settings) as tk:
            verify = partial(tk.verify, text, **ask)
            _check(call, verify)
            found.append(_measured(call, name, [verify], seconds))
    call.out.say("one thread of one process, with whatever else this machine is doing")
    return found


def _of_server(call: Call, text: str, ask: dict[str, Any], seconds: int, connections: int) -> list[Measured]:
    """Measure a server as this client sees it."""
    with ExitStack() as opened:
        verifies: list[Verify] = [
            partial(opened.enter_context(call.open()).verify, text, **ask) for _ in range(connections)
        ]
        for verify in verifies:
            _check(call, verify)
        found = [_measured(call, f"over {connections} connections", verifies, seconds)]
    call.out.say("this is what one Python client gets: a server has more to give than that can ask for")
    return found


def _check(call: Call, verify: Verify) -> None:
    verdict = verify()
    if not verdict:
        call.out.fail(f"the credential is refused ({verdict.code}), so there is nothing to measure")
        raise typer.Exit(REFUSED)


class _Samples:
    """How long calls took, in nanoseconds: of many every second is kept, then every fourth …, so that memory is not."""

    def __init__(self) -> None:
        self.count = self.longest = 0
        self.kept: list[int] = []
        self._stride = 1

    def add(self, took: int) -> None:
        self.count += 1
        self.longest = max(self.longest, took)
        if self.count % self._stride == 0:
            self.kept.append(took)
            if len(self.kept) == _SAMPLES_MAX:
                del self.kept[::2]
                self._stride *= 2


def _measured(call: Call, name: str, verifies: list[Verify], seconds: int) -> Measured:
    """Verify as often as possible for a while, every callable on a thread of its own."""
    samples = [_Samples() for _ in verifies]
    failures: list[BaseException] = []
    begun = time.monotonic()
    threads = [
        threading.Thread(target=_run, args=(verify, sample, begun + seconds, failures), daemon=True)
        for verify, sample in zip(verifies, samples, strict=True)
    ]
    with call.out.progress(name, seconds) as done:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(1)
                done(1)
    took = time.monotonic() - begun
    if failures:
        raise failures[0]
    kept = sorted(one for sample in samples for one in sample.kept)
    count = sum(sample.count for sample in samples)
    return Measured(
        name,
        count,
        round(count / took),
        kept[len(kept) // 2] / 1000,
        kept[len(kept) * 99 // 100] / 1000,
        max(sample.longest for sample in samples) / 1000,
    )


def _run(verify: Verify, samples: _Samples, until: float, failures: list[BaseException]) -> None:
    now = time.perf_counter_ns
    try:
        while time.monotonic() < until:
            for _ in range(20):
                begin = now()
                verify()
                samples.add(now() - begin)
    except BaseException as error:
        failures.append(error)
