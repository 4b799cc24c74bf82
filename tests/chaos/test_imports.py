"""An import that is killed is simply repeated, and an old system that dies half-way lets nobody in."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.counts import times
from tests.processes.places import Place
from tests.servers.waiting import until
from tokenry import Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring
from tokenry.imports import Hash, Hint, ImportRow
from tokenry.testing import FakeClock

pytestmark = pytest.mark.chaos
COUNT = times(3000, 20_000)
PROGRAM = """
import sys
from tests.chaos.test_imports import imported
imported(sys.argv[1], sys.argv[2])
"""


def key_of(number: int) -> str:
    return f"tt_{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"


def row_of(number: int) -> ImportRow:
    hash = Hash("sha256", hashlib.sha256(key_of(number).encode()).hexdigest())
    return ImportRow(id=str(number), owner=f"user {number % 7}", name=f"{number}", hash=hash, hint=Hint(prefix="tt_"))


def imported(url: str, keyring: str) -> Any:
    with Tokenry(url, keyring=keyring or None, settings=Settings(background=False)) as tk:
        return tk.imports.run(map(row_of, range(COUNT)), source="tt")


def test_an_import_that_is_killed_goes_on_where_it_was(place: Place) -> None:
    with Tokenry(place.url, keyring=place.keyring, settings=Settings(background=False)) as tk:
        for least in (500, 1500):
            child = subprocess.Popen([sys.executable, "-c", PROGRAM, place.url, str(place.keyring or "")])
            until(lambda least=least: len(tk.owners.list().items) and count_of(tk) >= least)  # type: ignore[misc]
            child.kill()
            child.wait()
        before = count_of(tk)
        assert before < COUNT
        summary = imported(place.url, str(place.keyring or ""))
        assert (summary.imported_count, summary.existing_count, summary.refused_count) == (COUNT - before, before, 0)
        assert count_of(tk) == COUNT
        assert all(tk.verify(key_of(number)) for number in range(0, COUNT, 7))
        assert not any(tk.verify(key_of(number) + "x", ip=f"192.0.2.{number % 250}") for number in range(0, COUNT, 97))
        assert tk.audit.check()


def count_of(tk: Tokenry) -> int:
    with tk._database.read() as rows:
        return int(rows.core.exec_driver_sql("SELECT count(*) FROM tokenry_foreign").scalar_one())


def test_an_old_system_that_dies_half_way_lets_nobody_in_and_is_asked_once(tmp_path: Any) -> None:
    clock, asked, lock, down = FakeClock(), list[str](), threading.Lock(), threading.Event()

    def ask(key: str) -> dict[str, Any] | None:
        with lock:
            if down.is_set() or len(asked) == 100:
                down.set()
                raise ConnectionError
            asked.append(key)
        return None if key.endswith("0") else {"owner": key[-1]}

    def code(numbered: tuple[int, str]) -> str:
        number, text = numbered
        try:
            return str(tks[number % 2].verify(text, ip=f"192.0.2.{number % 200}").code)
        except StoreUnavailable:
            return "unavailable"

    keyring, quiet = fresh_keyring(), Settings(background=False)
    tks = [Tokenry(f"sqlite:///{tmp_path}/k.db", keyring=keyring, settings=quiet, clock=clock) for _ in range(2)]
    for tk in tks:
        tk.imports.learn("old", matches="^tt_", ask=ask)
    texts = [text for number in range(200) for text in [key_of(number)] * 2]
    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(code, enumerate(texts)))
        down.clear()
        asked.append("")  # so that it does not die again
        clock.advance(timedelta(seconds=40))
        second = list(pool.map(code, enumerate(texts)))
    assert "unavailable" in first
    assert "unavailable" not in second
    right = ["not_found" if text.endswith("0") else "valid" for text in texts]
    assert second == right
    assert all(found in (expected, "unavailable") for found, expected in zip(first, right, strict=True))
    assert sorted(filter(None, asked)) == sorted({*texts})
    for tk in tks:
        tk.close()
