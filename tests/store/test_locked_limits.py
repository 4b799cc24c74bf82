"""Limits while the database is locked: one verification waits for it, the others are answered at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import STORES
from tokenry import Limit, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring

TIMEOUT = 1.0
LOOKS = 50


class Site:
    """A database that can be locked against everybody who writes."""

    def __init__(self, url: str, keyring: Any) -> None:
        self.url = url
        self.keyring = keyring

    def open(self, when_down: str, *, background: bool = False, flush: timedelta = timedelta(hours=1)) -> Tokenry:
        settings = Settings(
            store_timeout=timedelta(seconds=TIMEOUT),
            limits_when_down=when_down,
            background=background,
            flush_interval=flush,
        )
        return Tokenry(self.url, keyring=self.keyring, settings=settings)

    @contextmanager
    def locked(self) -> Iterator[None]:
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield
                connection.execute("ROLLBACK")
            return
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE tokenry_limit_counter, tokenry_usage_hour IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    if request.param == "sqlite":
        return Site(f"sqlite:///{tmp_path}/keys.db", None)
    return Site(request.getfixturevalue("postgres_server").create_database(), fresh_keyring())


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def until_counted(tk: Tokenry, secret: Any) -> bool:
    """Verify until a limit of one is counted again; the probe that finds out is due in a quarter of a second."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            verdict = tk.verify(secret)
        except StoreUnavailable:
            continue
        if verdict.code == "rate_limited":
            return True
    return False


@pytest.mark.parametrize("when_down", ["open", "closed"])
def test_only_the_first_waits_and_limits_count_again_by_themselves(site: Site, when_down: str) -> None:
    with site.open(when_down) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", limits=[Limit("default", 1, 366 * 86_400)])
        warm = tk.keys.issue("ada", name="warm").secret
        assert tk.verify(warm)

        def look() -> None:
            if when_down == "open":
                assert tk.verify(issued.secret)
            else:
                with pytest.raises(StoreUnavailable):
                    tk.verify(issued.secret)

        with site.locked():
            first = seconds(look)
            later = seconds(lambda: [look() for _ in range(LOOKS)])
            assert later < LOOKS / 4 * first
            assert tk.verify(warm), "a key without limits needs no share"
        assert until_counted(tk, issued.secret)


def test_work_within_the_calls_does_not_wait_again_and_again_either(site: Site) -> None:
    with site.open("open", flush=timedelta(microseconds=1)) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", limits=[Limit("default", 1, 366 * 86_400)])
        with site.locked():
            first = seconds(lambda: tk.verify(issued.secret))
            later = seconds(lambda: [tk.verify(issued.secret) for _ in range(LOOKS)])
            assert later < LOOKS / 4 * first
        assert until_counted(tk, issued.secret)
        tk.flush()
        assert tk.keys.get(issued.key.id).use_count > LOOKS, "what could not be written meanwhile is not lost"
