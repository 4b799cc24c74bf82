"""Eight processes spend the credits of one key and are killed all the time: what was charged, held and left adds up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.counts import times
from tests.chaos.nursery import Nursery
from tests.processes.places import Place
from tokenry import Credits, Tokenry
from tokenry.types import Issued

pytestmark = pytest.mark.chaos
PROCESSES = 8
BUDGET = 10**6


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[Nursery]]:
    opened = [Nursery() for _ in range(PROCESSES)]
    yield opened
    for one in opened:
        one.end()


def spend_and_die(nursery: Nursery, place: Place, issued: Issued, seed: int, kills: int) -> tuple[int, int]:
    """Let one process after another spend until it is killed; return what they were told is charged, and what may be.

    What may be charged besides is the one call that each was killed in.
    """
    chance, acknowledged, perhaps = random.Random(seed), 0, 0
    for number in range(kills):
        enough, begun = chance.randrange(1, 40), 0
        child = nursery.start(place.url, place.keyring, [seed + number, issued.key.id, str(issued.secret)], "spend")
        for count, line in enumerate(child.lines(), 1):
            if "begin" in line:
                begun = line["most"]
            else:
                acknowledged, begun = acknowledged + line["charged"], 0
            if count == enough:
                child.kill()
        perhaps += begun
    return acknowledged, perhaps


def left_over(tk: Tokenry, issued: Issued, budget: int) -> int:
    """Return what was charged in all, by what is left when every hold has ended."""
    state = tk.credits.get(issued.key.id)
    holds = tk.credits.holds(issued.key.id)
    assert state.held == sum(hold.amount for hold in holds)
    charged = budget - state.remaining - state.held
    for hold in holds:
        tk.credits.settle(issued.key.id, hold.id, 0)
    after = tk.credits.get(issued.key.id)
    assert (after.held, budget - after.remaining) == (0, charged)
    return charged


@pytest.mark.parametrize("kills", [times(2, 13)])
def test_no_credit_is_spent_twice_or_lost(nurseries: list[Nursery], place: Place, kills: int) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue("u", name="k", credits=Credits(BUDGET))
    with ThreadPoolExecutor(PROCESSES) as threads:
        work = [
            threads.submit(spend_and_die, nursery, place, issued, seed + 1000 * number, kills)
            for number, nursery in enumerate(nurseries)
        ]
        spent = [one.result() for one in work]
    acknowledged, perhaps = (sum(column) for column in zip(*spent, strict=True))
    charged = left_over(tk, issued, BUDGET)
    assert acknowledged > 0
    assert acknowledged <= charged <= acknowledged + perhaps, (
        f"{charged} charged, {acknowledged} acknowledged, {perhaps} perhaps"
    )
