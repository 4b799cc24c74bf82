"""A process that is killed at any instant loses nothing that it acknowledged, and leaves nothing half done."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.chaos.counts import times
from tests.chaos.ledger import Ledger, check_secrecy, check_whole
from tests.chaos.nursery import Nursery
from tests.processes.places import Place
from tokenry import Tokenry

pytestmark = pytest.mark.chaos
READY_SECONDS_MAX = 3


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def kill_at_some_instant(nursery: Nursery, place: Place, round_: int) -> Ledger:
    """Let a child work, kill it in the middle of something, and return what it had acknowledged."""
    chance = random.Random()
    ledger, enough = Ledger(), chance.randrange(2, 60)
    child = nursery.start(place.url, place.keyring, round_)
    for count, line in enumerate(child.lines(), 1):
        ledger.write(line)
        if count == enough:
            spin(chance.random() * 0.003)
            child.kill()
    return ledger


def reopened(place: Place) -> Tokenry:
    before = time.monotonic()
    tk = Tokenry(place.url, keyring=place.keyring)
    assert time.monotonic() - before < READY_SECONDS_MAX
    return tk


@pytest.mark.parametrize("count", [times(30, 300)])
def test_a_killed_process_on_sqlite_loses_nothing(nursery: Nursery, file_place: Place, count: int) -> None:
    _kill_again_and_again(nursery, file_place, count)


@pytest.mark.parametrize("count", [times(10, 300)])
def test_a_killed_process_on_postgres_loses_nothing(nursery: Nursery, postgres_place: Place, count: int) -> None:
    _kill_again_and_again(nursery, postgres_place, count)


def _kill_again_and_again(nursery: Nursery, place: Place, count: int) -> None:
    ledgers = []
    for round_ in range(count):
        ledgers.append(kill_at_some_instant(nursery, place, round_))
        with reopened(place) as tk:
            ledgers[-1].check(tk)
            if round_ % times(5, 25) == 0 or round_ == count - 1:
                check_whole(place, tk)
    with reopened(place) as tk:
        for ledger in ledgers:
            ledger.check(tk)
    check_secrecy(place, ledgers)
    assert sum(ledger.done.total() for ledger in ledgers) > count


def test_an_instance_that_lives_on_beside_a_killed_process_agrees(nursery: Nursery, place: Place) -> None:
    tk = place.open()
    for round_ in range(times(5, 50)):
        ledger = kill_at_some_instant(nursery, place, round_)
        ledger.check(tk)
    check_whole(place, tk)


def test_a_process_that_is_killed_while_it_makes_the_database_can_be_followed_by_another(
    nursery: Nursery, place: Place, tmp_path: Path
) -> None:
    chance = random.Random()
    for round_ in range(times(10, 200)):
        url = f"sqlite:///{place.directory}/{round_}.db" if place.kind == "sqlite" else place.new_database()
        child = nursery.start(url, place.keyring, round_)
        spin(chance.random() * 0.15)
        child.kill()
        ledger = Ledger()
        for line in child.lines():
            ledger.write(line)
        with Tokenry(url, keyring=place.keyring) as tk:
            ledger.check(tk)
            tk.owners.put("u")
            assert tk.verify(tk.keys.issue(owner="u", name="k").secret)
        if place.kind == "sqlite":
            assert os.path.exists(f"{place.directory}/{round_}.db.keyring")


def test_a_kill_between_two_batches_of_a_hand_over_leaves_each_key_with_one_owner(
    nursery: Nursery, place: Place
) -> None:
    for batches in range(5):
        *lines, last = nursery.start(place.url, place.keyring, batches, "hand_over").lines()
        assert ("handed" in last) == (batches == 4)
        issued = [line for line in (*lines, last) if "id" in line]
        with reopened(place) as tk:
            for seen in (sorted(["v"] * min(2 * batches, 7) + ["u"] * (7 - min(2 * batches, 7))), ["v"] * 7):
                keys = [tk.keys.get(one["id"]).owner for one in issued]
                assert sorted(keys) == seen
                assert [tk.verify(one["secret"]).owner.external_id for one in issued] == keys
                tk.owners.hand_over("u", "v", dry_run=False)
            check_whole(place, tk)
