"""Writing what was counted: in slices, and each count once, whatever fails in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tokenry import Settings, Tokenry, ticking
from tokenry.config import fresh_keyring
from tokenry.core.errors import StoreUnavailable
from tokenry.service import usage
from tokenry.types import Issued

KEYS = 601


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    settings = Settings(background=False, flush_interval=timedelta(hours=1))
    with Tokenry("sqlite://", keyring=fresh_keyring(), settings=settings) as instance:
        instance.owners.put("ada")
        yield instance


@pytest.fixture
def key_ids(tk: Tokenry) -> list[str]:
    """Use many keys once."""
    found = []
    for begin in range(0, KEYS, 1000):
        asked = [{"owner": "ada", "name": f"k{number}"} for number in range(begin, min(KEYS, begin + 1000))]
        for issued in tk.keys.issue_many(asked):
            assert isinstance(issued, Issued)
            assert tk.verify(issued.secret)
            found.append(issued.key.id)
    return found


def test_counts_are_written_in_slices_of_200_and_each_once_if_one_fails(
    tk: Tokenry, key_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, sizes = usage.write, []

    def failing(context: Any, spent: Any, peppers: Any, *, wait: bool) -> Any:
        sizes.append(len(spent))
        if len(sizes) == 2:
            raise StoreUnavailable("the disk is full")
        return write(context, spent, peppers, wait=wait)

    monkeypatch.setattr(usage, "write", failing)
    with pytest.raises(StoreUnavailable):
        tk.flush()
    tk.flush()
    assert sizes == [200, 200, 200, 200, 1]
    assert [sum(hour.count for hour in tk.usage.get(one)) for one in key_ids] == [1] * KEYS


def test_counts_are_written_in_the_order_of_their_keys(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [{"owner": "ada", "name": f"k{number}"} for number in range(7)]
    issued = [one for one in tk.keys.issue_many(asked) if isinstance(one, Issued)]
    for turn in (3, 0, 6, 2, 5, 1, 4):
        assert tk.verify(issued[turn].secret)
    monkeypatch.setattr(usage, "_SLICE", 2)
    rests: list[int] = []
    spent = usage.ordered(tk._tally.drain()[0], lambda: rests.append(0))
    assert [one.place.split(b'"')[1].decode() for one in spent] == sorted(one.key.id for one in issued)
    assert len(rests) == 8  # after each of four slices, and each of four parts of what is merged


class SlowWriting:
    """A clock that moves on by so many seconds with each slice that is written, and with nothing else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self.count, write = time.monotonic(), 0, usage.write

        def written(context: Any, spent: Any, peppers: Any, *, wait: bool) -> Any:
            self.count += 1
            self.now += seconds
            return write(context, spent, peppers, wait=wait)

        monkeypatch.setattr(usage, "write", written)
        monkeypatch.setattr(ticking, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=time.sleep))


@pytest.fixture
def ticked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokenry]:
    """An instance whose thread does not tick within a test."""
    settings = Settings(flush_interval=timedelta(hours=1))
    with Tokenry("sqlite://", keyring=fresh_keyring(), settings=settings) as instance:
        instance.owners.put("ada")
        yield instance


@pytest.mark.parametrize(("seconds", "apart"), [(0.05, 0), (0.25, 2.5), (5, 10)])
def test_a_slow_flush_is_followed_by_a_pause_of_ten_times_its_length(
    ticked: Tokenry, monkeypatch: pytest.MonkeyPatch, seconds: float, apart: float
) -> None:
    secret = ticked.keys.issue("ada", name="k").secret
    writing = SlowWriting(monkeypatch, seconds)
    for _ in range(2):
        assert ticked.verify(secret)
        ticked._tick()
    assert writing.count == (1 if apart else 2)
    writing.now += apart + 0.001
    ticked._tick()
    assert writing.count == 2
    assert [hour.count for hour in ticked.usage.get(ticked.keys.find(secret).id)] == [2]


def test_a_flush_that_is_asked_for_and_the_last_one_are_not_put_off(
    ticked: Tokenry, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = ticked.keys.issue("ada", name="k").secret
    writing = SlowWriting(monkeypatch, 1)
    for write in (ticked._tick, ticked.flush, ticked.close):
        assert ticked.verify(secret)
        write()
    assert writing.count == 3


def test_a_flush_is_not_put_off_once_counts_of_many_keys_wait(ticked: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [ticked.keys.issue("ada", name=f"k{number}").secret for number in range(3)]
    monkeypatch.setattr(ticking, "_COUNTED_MAX", 3)
    writing = SlowWriting(monkeypatch, 1)
    for times, (first, last) in zip((1, 1, 2), ((0, 3), (0, 2), (2, 3)), strict=True):
        for secret in secrets[first:last]:
            assert ticked.verify(secret)
        ticked._tick()
        assert writing.count == times


def test_decoys_are_told_of_while_the_flush_is_put_off(ticked: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = ticked.keys.issue("ada", name="k").secret
    decoy = ticked.keys.issue("ada", name="bait", decoy=True).secret
    SlowWriting(monkeypatch, 1)
    assert ticked.verify(secret)
    ticked._tick()
    assert not ticked.verify(decoy)
    ticked._tick()
    assert ticked.events.list(types=["key.decoy_used"]).items
