"""The lock of writers is fair: what lets go of it and wants it again does so behind everything that waits already."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.servers.waiting import until
from tokenry import StoreUnavailable
from tokenry.store.locks import Turns, take_turn


@contextmanager
def running(target: object, *args: object) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=target, args=args)  # type: ignore[arg-type]
    thread.start()
    yield thread
    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_that_takes_the_lock_again_comes_after_one_that_waits() -> None:
    turns, order = Turns(), list[str]()

    def wait() -> None:
        with turns:
            order.append("other")

    turns.acquire()
    with running(wait):
        until(turns._turn.locked)
        turns.release()
        with turns:
            order.append("again")
    assert order == ["other", "again"]


def test_the_holder_may_take_the_lock_within_itself() -> None:
    turns = Turns()
    with turns, turns:
        pass
    with running(turns.acquire):
        pass
    assert not turns.acquire(timeout=0)


def test_a_thread_that_gives_up_stands_in_nobodys_way() -> None:
    turns, got = Turns(), list[bool]()
    turns.acquire()
    with running(lambda: got.append(turns.acquire(timeout=0.01))):
        pass
    assert got == [False]
    turns.release()
    assert turns.acquire(timeout=0)


class Party:
    """Files of one process; the locks on them are as strange to another party as those of another process."""

    def __init__(self, folder: Path) -> None:
        self.turn: IO[str] = (folder / "turn").open("w")
        self.file: IO[str] = (folder / "write").open("w")

    def take(self, seconds: float) -> None:
        take_turn(self.turn.fileno(), self.file.fileno(), seconds)

    def leave(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)

    def close(self) -> None:
        self.turn.close()
        self.file.close()


def is_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def test_a_process_that_takes_the_lock_again_comes_after_one_that_waits(tmp_path: Path) -> None:
    order = list[str]()
    with closing(Party(tmp_path)) as busy, closing(Party(tmp_path)) as other:

        def wait() -> None:
            other.take(10)
            order.append("other")
            other.leave()

        busy.take(10)
        with running(wait):
            until(lambda: is_locked(busy.turn))
            busy.leave()
            busy.take(10)
            order.append("busy")
    assert order == ["other", "busy"]


def test_a_process_waits_for_a_limited_time_and_blocks_nobody_afterwards(tmp_path: Path) -> None:
    with closing(Party(tmp_path)) as busy, closing(Party(tmp_path)) as other, closing(Party(tmp_path)) as third:
        busy.take(10)
        with pytest.raises(StoreUnavailable, match=r"writing for 0\.01 s"):
            other.take(0.01)
        busy.leave()
        third.take(0)
