"""Writing what was counted: in slices, and each count once, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tokenry import Settings, Tokenry
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
