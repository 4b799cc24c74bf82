"""Threads work for places in turn, and a flood of one place leaves threads to the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from tokenry.runtime.fair import FairPool


@pytest.fixture
def go() -> threading.Event:
    return threading.Event()


@pytest.fixture
def pool(go: threading.Event) -> Iterator[FairPool]:
    made = FairPool(2, "test")
    yield made
    go.set()
    made.close()


def hold(pool: FairPool, go: threading.Event, place: str) -> None:
    """Occupy a thread for a place."""
    begun = threading.Event()

    def wait() -> None:
        begun.set()
        assert go.wait(30)

    pool.submit(wait, place)
    assert begun.wait(30)


def test_a_place_has_half_of_the_threads(pool: FairPool, go: threading.Event) -> None:
    hold(pool, go, "flood")
    waiting = pool.submit(lambda: "flood", "flood")
    assert pool.submit(lambda: "quiet", "quiet").result(30) == "quiet"
    assert not waiting.done()
    go.set()
    assert waiting.result(30) == "flood"


def test_places_are_served_in_turn_and_late_work_after_them(pool: FairPool, go: threading.Event) -> None:
    order: list[str] = []
    hold(pool, go, "x")
    hold(pool, go, "y")
    work = [("a", False)] * 3 + [("b", False)] + [("late", True)] * 3 + [("c", False)]
    futures = [pool.submit(partial(order.append, place), place, is_late=late) for place, late in work]
    go.set()
    for future in futures:
        future.result(30)
    assert {"a", "b", "c"} <= set(order[:5])
    assert order.count("late") == 3


def test_errors_reach_the_caller(pool: FairPool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0, None).result(30)
    assert pool.submit(lambda: 1, None).result(30) == 1
