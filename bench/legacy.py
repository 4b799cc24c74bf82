"""Foreign keys: what a flood of wrong ones costs honest callers, and what a right one costs once memory knows it."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator

from tokenry import Settings, Tokenry
from tokenry.imports import Hash, Hint, ImportRow

from .flood import Felt, address, asked, measured
from .loads import free_port, nginx
from .measure import Report
from .server import served

RATES = (50, 1000)
"""A second: more than the slow pool can test, and more than may be looked up."""
ADDRESSES = 5_000
ROUNDS = 5
KEYS = 100
CALLS = 5_000
PBKDF2_ROUNDS = 100_000
"""As the ERP that keys are imported from has it."""


def on_foreign_keys(report: Report) -> None:
    """Measure honest requests beside floods of wrong foreign keys, and foreign keys from memory, in turns."""
    report.title("Foreign keys (SQLite, one worker; wrong ones with hashes of PBKDF2-SHA512, 100,000 rounds)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url) as tk:
            tk.owners.put("user")
            key = str(tk.keys.issue("user", name="honest").secret)
            assert tk.imports.run(map(_row, range(KEYS))).imported_count == KEYS
        with served(folder, url) as server:
            _beside_wrong_ones(report, server.port, key)
    _from_memory(report)


def _beside_wrong_ones(report: Report, port: int, key: str) -> None:
    elsewhere = free_port()
    wrong, honest = [*_wrong()], asked(key, "203.0.113.7")
    with nginx(elsewhere, "location / { return 401 '{}'; }"):
        for rate in RATES:
            felt: dict[int, list[Felt]] = {elsewhere: [], port: []}
            for _ in range(ROUNDS):
                for flooded, rounds in felt.items():
                    rounds.append(measured(port, honest, wrong, flooded, rate))
            reference, found = min(felt[elsewhere]), min(felt[port])
            times = found.p99 / reference.p99
            message = (
                f"at an nginx {reference.p99:.2f} ms; {times:.2f} times, at most 1.2; {found.junk_rate:,.0f} a second"
            )
            report.line(
                f"beside {rate:,} wrong foreign keys a second, p99", f"{found.p99:.2f} ms", message, times <= 1.2
            )


def _from_memory(report: Report) -> None:
    """Compare processor time of a foreign key, after its upgrade, with that of one of ours."""
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        tk.owners.put("user")
        own = str(tk.keys.issue("user", name="own", scopes=["read:a"]).secret)
        foreign = _text(0) + "0" * (len(own) - len(_text(0)))
        digest = hashlib.sha256(foreign.encode()).hexdigest()
        hash = Hash("sha256", digest)
        row = ImportRow(id="0", owner="user", hash=hash, hint=Hint(prefix="tt_"), scopes=("read:a",))
        assert tk.imports.run([row]).imported_count == 1

        def verify(text: str) -> None:
            for _ in range(CALLS):
                tk.verify(text, scopes=["read:a"], ip="203.0.113.7")

        assert tk.verify(foreign)
        best = {own: float("inf"), foreign: float("inf")}
        for _ in range(4 * ROUNDS):
            for text in best:
                best[text] = min(best[text], _processor_seconds(verify, text) / CALLS)
    times = best[foreign] / best[own]
    message = f"one of ours {best[own] * 1e6:.2f} µs; {times:.2f} times, at most 1.1"
    report.line("a foreign key from memory", f"{best[foreign] * 1e6:.2f} µs", message, times <= 1.1)


def _processor_seconds(work: Callable[[str], None], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


def _text(number: int) -> str:
    return f"tt_{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"


def _row(number: int) -> ImportRow:
    text = _text(number)
    value = hashlib.pbkdf2_hmac("sha512", text.encode(), b"salt", PBKDF2_ROUNDS).hex()
    hash = Hash("pbkdf2-sha512", value, params={"salt": "salt", "iterations": PBKDF2_ROUNDS})
    hint = Hint(first=text[:16], prefix="tt_")
    return ImportRow(id=str(number), owner="user", hash=hash, hint=hint, name=f"key {number}")


def _wrong() -> Iterator[bytes]:
    """Yield requests with keys that are right in their hint alone, so that only their slow hash refuses them."""
    for number in range(ADDRESSES):
        yield asked(_text(number % KEYS)[:16] + os.urandom(12).hex(), address(number))
