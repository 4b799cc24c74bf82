"""The hot path, measured with requests that never repeat, beside nginx's static page and a constant answer.

All three get the same requests in turn, in one run: as fast as they answer (wrk, 64 connections). Then ours and nginx
get them at 70 % of what ours reached, each request when it is due (`bench/paced.py`). The best round of each counts: a
busy neighbour costs a round.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers.postgres import Postgres
from tests.servers.serving import Serving
from tokenry import Tokenry
from tokenry.config import fresh_keyring, write_keyring_file

from .loads import Load, free_port, nginx, request_bytes, running, wrk
from .measure import COMPILED, Report
from .paced import Felt, paced
from .population import Like, fill_postgres, fill_sqlite
from .processor import Used, prefer, used
from .server import once, served
from .traffic import ALLOWED, Traffic, bad_keys, in_rotation, presentations, questions

SHARE = 0.70
P99_MS_MAX = 3.0
QUIET_MS_MAX, LATE_MS_MAX = 1.5, 0.5
"""A p99 is judged only where nginx at the same pace stays below the one, and the sender was in time by the other:
elsewhere the machine was busy."""
LEAD_IN_SECONDS_MAX = 20
MANY, FEW = 100_000, 1_000
ON_POSTGRES = 50_000
_LIKE = {
    "limit": Like(ALLOWED, ("minute", 10_000, 60), 1),
    "large limit": Like(ALLOWED, ("hour", 10**9, 3600), 1),
    "no limit": Like(ALLOWED, None, 1),
}
"""Ten thousand a minute where keys share the load evenly; otherwise one key gets more than that."""


class Mark(NamedTuple):
    """Bounds of one request: its cost in µs of CPU, compiled and pure, and the compiled rate as a share of nginx's."""

    compiled: float
    pure: float
    nginx: float | None = None


class Case(NamedTuple):
    """One kind of traffic."""

    name: str
    route: str
    traffic: Traffic
    mark: Mark | None = None
    workers: int = 1

    @property
    def has_room(self) -> bool:
        """Whether each worker and the sender have a processor; else they wait for one another, whatever we do."""
        return (os.cpu_count() or 1) > self.workers


class Measured(NamedTuple):
    """As fast as it goes: the load, and what the server used for each request."""

    load: Load
    each: Used


class References(NamedTuple):
    """The servers beside ours, each with its port and process id."""

    nginx: tuple[int, int]
    constant: tuple[int, int]


class Plan(NamedTuple):
    """How much is measured."""

    quick: bool
    only: str
    keys: int

    @property
    def rounds(self) -> int:
        """Return how often each figure is taken."""
        return 1 if self.quick else 3

    @property
    def seconds(self) -> int:
        """Return how long each load lasts."""
        return 1 if self.quick else 2

    def wants(self, *names: str) -> bool:
        """Tell whether one of these cases was asked for."""
        return any(self.only in name for name in names)

    def many(self) -> int:
        """Return how many keys the large rotations have."""
        return MANY // 5 if self.quick else MANY


def on_hot_path(report: Report, keys: int, *, quick: bool, only: str) -> None:
    """Measure every case: SQLite with one worker, with two, without memory; PostgreSQL with and without memory."""
    plan = Plan(quick, only, keys if not quick else min(keys, MANY // 5))
    form = "compiled" if COMPILED else "pure"
    report.title(f"The hot path ({form} form; every request another one unless it says so)")
    _on_sqlite(report, plan)
    if not quick or only:
        _without_memory(report, plan)
        _on_postgres(report, plan)


def _on_sqlite(report: Report, plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            caller, many = issue_caller(tk), plan.many()
            texts = {
                kind: fill_sqlite(tk, f"{folder}/keys.db", FEW if kind == "no limit" else many, like)
                for kind, like in _LIKE.items()
            }
            bad = bad_keys(tk, texts["limit"], FEW)
        for workers in ("1", "2"):
            cases = [one for one in _cases(texts, bad, caller, workers) if plan.wants(one.name)]
            if cases:
                environment = {"TOKENRY_WORKERS": workers, "TOKENRY_MEMORY_ENTRIES": str(3 * MANY)}
                with served(folder, url, **environment) as serving:
                    _measure_all(report, plan, serving, cases, caller, warm=1 if workers == "1" else 5)


def _cases(texts: dict[str, list[str]], bad: list[str], caller: str, workers: str) -> Iterator[Case]:
    few, every = texts["limit"][:FEW], texts["limit"]
    ask, show = questions(caller), presentations()
    wrong = frozenset(bad)
    verify, many = Mark(14, 22, 0.50), f"{len(every):,}"
    mixed = in_rotation(few, bad=bad, share=0.05)
    if workers == "2":
        yield Case("verify, 1,000 keys, two workers", "verify", Traffic(in_rotation(few), ask), workers=2)
        return
    yield Case("verify, 1,000 keys", "verify", Traffic(in_rotation(few), ask), verify)
    yield Case("auth, 1,000 keys", "auth", Traffic(in_rotation(few), show), Mark(12, 17, 0.60))
    yield Case(f"verify, {many} keys", "verify", Traffic(in_rotation(every), ask), Mark(20, 20))
    yield Case(f"auth, {many} keys", "auth", Traffic(in_rotation(every), show), Mark(20, 20))
    yield Case("verify, 1,000 keys, 5 % bad", "verify", Traffic(mixed, ask, wrong))
    yield Case("verify, 1,000 keys without limits", "verify", Traffic(in_rotation(texts["no limit"]), ask))
    if len(every) == MANY:
        yield Case("auth, 1,000 keys, 5 % bad", "auth", Traffic(mixed, show, wrong))
        zipf = in_rotation(texts["large limit"], zipf=True)
        yield Case(f"verify, {many} keys by Zipf", "verify", Traffic(zipf, ask))
        yield Case(f"auth, {many} keys by Zipf", "auth", Traffic(zipf, show))
        one = texts["large limit"][:1]
        yield Case("verify, 1 key", "verify", Traffic(one, ask))
        yield Case("verify, 1 key, the same request each time", "verify", Traffic(one, ask, same=True))
        yield Case("auth, 1 key, the same request each time", "auth", Traffic(one, show, same=True))


def _without_memory(report: Report, plan: Plan) -> None:
    name = f"SQLite without memory, {plan.keys:,} keys"
    if not plan.wants(f"verify, {name}", f"auth, {name}"):
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            caller = issue_caller(tk)
            texts = fill_sqlite(tk, f"{folder}/keys.db", plan.keys, _LIKE["no limit"])
        with served(folder, url, TOKENRY_MEMORY_ENTRIES="0") as serving:
            cases = _both(name, texts, caller, Mark(40, 40))
            _measure_all(report, plan, serving, cases, caller, warm=0)


def _on_postgres(report: Report, plan: Plan) -> None:
    many = ON_POSTGRES // 5 if plan.quick else ON_POSTGRES
    names = "PostgreSQL", f"PostgreSQL without memory, {many:,} keys"
    if not plan.wants(*[f"{route}, {name}" for route in ("verify", "auth") for name in names]):
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        server = Postgres(settings={"listen_addresses": "127.0.0.1", "port": str(port)}).start()
        stack.callback(server.stop)
        database = server.create_database().split("@/")[1].split("?")[0]
        url, keyring = f"postgresql://postgres@127.0.0.1:{port}/{database}", Path(folder, "keyring")
        write_keyring_file(keyring, fresh_keyring())
        with Tokenry(url, keyring=keyring) as tk:
            caller = issue_caller(tk)
            limited = fill_postgres(tk, url, FEW, _LIKE["limit"])
            texts = fill_postgres(tk, url, many, _LIKE["no limit"])
        cases = _both(names[0], limited, caller)
        with served(folder, url, TOKENRY_KEYRING=str(keyring)) as serving:
            _measure_all(report, plan, serving, cases, caller)
        cases = _both(names[1], texts, caller, Mark(45, 45))
        with served(folder, url, TOKENRY_KEYRING=str(keyring), TOKENRY_MEMORY_ENTRIES="0") as serving:
            _measure_all(report, plan, serving, cases, caller, warm=0)


def _both(name: str, texts: Sequence[str], caller: str, mark: Mark | None = None) -> list[Case]:
    order = in_rotation(texts)
    return [
        Case(f"verify, {name}", "verify", Traffic(order, questions(caller)), mark),
        Case(f"auth, {name}", "auth", Traffic(order, presentations()), mark),
    ]


def _measure_all(
    report: Report, plan: Plan, serving: Serving, cases: Sequence[Case], caller: str, *, warm: int = 1
) -> None:
    for case in cases:
        if not plan.wants(case.name):
            continue
        for _ in range(warm):  # so often that every worker has seen every key
            remember(serving.port, caller, set(case.traffic.credentials) - case.traffic.bad)
        request = next(iter(case.traffic.requests(1)))[0]
        with beside(once(serving.port, request).decode()) as references:
            _measure(report, plan, serving, references, case)


@contextmanager
def beside(body: str) -> Iterator[References]:
    """Run an nginx and a constant answer with a body."""
    ports, quoted = (free_port(), free_port()), body.replace("\\", "\\\\").replace("'", "\\'")
    command = [sys.executable, "-m", "bench.constant", str(ports[1]), body]
    with (
        nginx(ports[0], f"location / {{ return 200 '{quoted}'; }}") as pid,
        running(command, ports[1], stderr=subprocess.DEVNULL) as process,
    ):
        yield References((ports[0], pid), (ports[1], process.pid))


def _measure(report: Report, plan: Plan, serving: Serving, references: References, case: Case) -> None:
    server = (serving.port, serving.process.pid)
    for pid in (os.getpid(), server[1]):
        prefer(pid)
    with tempfile.TemporaryDirectory() as folder:
        lead_in(server[0], case.traffic, folder)
        found: dict[tuple[int, int], list[Measured]] = {one: [] for one in (server, *references)}
        for _ in range(plan.rounds):
            for each, loads in found.items():
                script = case.traffic.script(folder)
                loads.append(_as_fast_as_it_goes(*each, script, plan.seconds if each == server else 1))
    ours, static, constant = (
        Measured(max(one.load for one in loads), min(one.each for one in loads)) for loads in found.values()
    )
    rate = SHARE * ours.load.rate
    felt: dict[int, list[Felt]] = {server[0]: [], references.nginx[0]: []}
    for _ in range(plan.rounds):
        requests = list(case.traffic.requests(int(rate * plan.seconds)))
        for port, rounds in felt.items():
            rounds.append(paced(port, requests, rate, check=port == server[0]))
    wrong = sum(one.wrong for one in felt[server[0]])
    _tell(report, case, (ours, static, constant), [min(rounds, key=lambda one: one.p99) for rounds in felt.values()])
    report.line("", f"{wrong} wrong", "answers that are not what the key deserves", wrong == 0) if wrong else None


def lead_in(port: int, traffic: Traffic, folder: str) -> None:
    """Send requests until shares of all limits are leased and every worker has seen the keys."""
    keys = len(set(traffic.credentials))
    rate = wrk(port, traffic.script(folder), seconds=1).count
    if rate < keys:
        wrk(port, traffic.script(folder), seconds=min(LEAD_IN_SECONDS_MAX, 1 + keys // rate))


def _as_fast_as_it_goes(port: int, pid: int, script: str, seconds: float) -> Measured:
    before = used(pid)
    load = wrk(port, script, seconds=seconds)
    return Measured(load, used(pid).since(before, max(1, load.count)))


def _tell(report: Report, case: Case, found: tuple[Measured, Measured, Measured], felt: Sequence[Felt]) -> None:
    (ours, static, constant), (at_pace, reference) = found, felt
    mark = case.mark
    most = None if mark is None else mark.compiled if COMPILED else mark.pure
    message = (
        f"background {ours.each.background:.1f}; nginx {static.each.total:.1f}, constant {constant.each.total:.1f}"
    )
    message = message if most is None else f"at most {most:g}; {message}"
    good = None if most is None else ours.each.total <= most
    report.line(f"{case.name}, CPU", f"{ours.each.total:.1f} µs", message, good)
    share = ours.load.rate / static.load.rate
    least = mark.nginx if mark is not None and COMPILED else None
    message = f"{share:.2f} of nginx's {static.load.rate:,.0f}" + ("" if least is None else f", at least {least:g}")
    message += f"; constant {constant.load.rate:,.0f}"
    report.line(f"{case.name}, a second", f"{ours.load.rate:,.0f}", message, None if least is None else share >= least)
    message = f"p50 {at_pace.p50:.2f}, p99.9 {at_pace.p999:.1f}, longest {at_pace.longest:.1f}; "
    message += f"sender {at_pace.late:.2f} late; nginx p99 {reference.p99:.2f}; "
    quiet = case.has_room and reference.p99 <= QUIET_MS_MAX and at_pace.late <= LATE_MS_MAX
    why = "the machine was too busy" if case.has_room else "more processes than processors"
    message += f"at most {P99_MS_MAX:g}" if quiet else f"{why} to judge"
    good = at_pace.p99 <= P99_MS_MAX if quiet else None
    report.line(f"{case.name}, p99 at {SHARE:.0%} of that", f"{at_pace.p99:.2f} ms", message, good)


def issue_caller(tk: Tokenry) -> str:
    """Issue the key of an application that verifies."""
    tk.owners.put("user")
    tk.owners.put("ops", tenant="system", admin=True)
    caller = tk.keys.issue("ops", tenant="system", environment="op", name="gateway", scopes=["tokenry:verify"])
    return str(caller.secret)


def remember(port: int, caller: str, texts: set[str]) -> None:
    """Present every key once."""
    fields, all_texts = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}, [*texts]
    for begin in range(0, len(all_texts), 100):
        asked = ",".join(f'{{"credential":"{text}"}}' for text in all_texts[begin : begin + 100])
        once(port, request_bytes("POST", "/v1/verify/batch", fields, f'{{"questions":[{asked}]}}'.encode()))
