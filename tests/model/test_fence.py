"""The fence never lets a process answer from memory what has been changed, in whatever order things happen.

Each mistake is one that a plausible fence makes. The search must find it: a search that does not is worth nothing.
"""

import pytest

from tests.chaos.counts import LONG
from tests.model.protocol import Protocol, State, is_stale
from tests.model.search import Found, search

LEASES = (1, 2, 3) if LONG else (1,)
"""Ticks of a lease: with more of them, more can happen during one."""
OWNERS = ("", "call", "rival") if LONG else ("", "call")
"""Which call the remembering process makes itself."""
MISTAKES = (
    "no wait",
    "say what is heard",
    "say before applying",
    "lease from the answer",
    "remember in spite of a drop",
    "no clear after joining",
    "remove at once",
    "remove what was marked just now",
    "mark without the disk",
    "prune by time",
    "wait from the insert",
    "highest number",
    "join without the disk",
    "change without the disk",
    "fork keeps the lease",
    "a timer sets a flag",
    "leave with a lease",
)


def found(own: str = "", mistake: str = "", lease: int = 1) -> Found:
    return search(State(), Protocol(own, mistake, lease).steps, is_stale)


@pytest.mark.parametrize("lease", LEASES)
@pytest.mark.parametrize("own", OWNERS)
def test_no_order_of_steps_makes_an_answer_stale(own: str, lease: int) -> None:
    result = found(own, lease=lease)
    assert result.way is None, "; ".join(result.way or ())
    assert result.states > 200_000


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_search_finds_a_mistake(mistake: str) -> None:
    assert found(mistake=mistake).way


def test_the_search_finds_that_a_call_waits_before_its_own_process_has_forgotten() -> None:
    assert found("call", "own node, own memory").way
