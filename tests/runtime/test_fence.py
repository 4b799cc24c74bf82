"""What a change does about processes that do not answer, step by step, on a clock of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from tokenry.core.errors import StoreUnavailable
from tokenry.core.turns import Heard
from tokenry.runtime import fence
from tokenry.runtime.fence import LEASE, Fence

LATE = LEASE * 1.1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Nodes:
    """The nodes that lack a turn. `fails` is how often asking for them fails."""

    def __init__(self, **lagging: bool) -> None:
        self.lagging_nodes = {int(name.removeprefix("n")): gone for name, gone in lagging.items()}
        self.fails = 0
        self.hints = self.pruned = 0
        self.removed: list[int] = []
        self.left: list[int] = []

    def lagging(self, turns: Sequence[int], own: int) -> dict[int, bool]:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("the database does not answer")
        return {node: gone for node, gone in self.lagging_nodes.items() if node != own}

    def hint(self) -> None:
        self.hints += 1

    def evict(self, turns: Sequence[int], marked: Sequence[int], late: Sequence[int]) -> None:
        self.removed += [node for node in marked if self.lagging_nodes.pop(node, False)]
        for node in late:
            self.lagging_nodes[node] = True

    def prune(self) -> None:
        self.pruned += 1

    def link(self) -> Nodes:
        return self

    def join(self) -> int:
        return 7

    def hear(self, node: int, known: frozenset[int]) -> Heard | None:
        return None

    def say(self, node: int, turns: frozenset[int]) -> None: ...

    def leave(self, node: int) -> None:
        self.left.append(node)

    def wait(self, seconds: float, wakes: int) -> None: ...
    def close(self) -> None: ...
    def counts(self) -> tuple[int, int]:
        return (0, 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    turned = Clock()
    monkeypatch.setattr(fence, "clock", turned)
    return turned


def a_fence(nodes: Nodes) -> Fence:
    return Fence(nodes, lambda kids: None, lambda: None)


def waited(clock: Clock, pauses: Iterator[float]) -> float:
    """Let the pauses pass; return how long that took in all."""
    began = clock.now
    for pause in pauses:
        clock.now += max(pause, 0.001)
    return clock.now - began


def test_a_change_returns_at_once_when_every_process_has_applied_it(clock: Clock) -> None:
    nodes = Nodes()
    assert waited(clock, a_fence(nodes).waiting([1])) == 0
    assert (nodes.hints, nodes.pruned) == (0, 1)


def test_a_lost_process_costs_two_slow_calls(clock: Clock) -> None:
    nodes = Nodes(n1=False)
    changing = a_fence(nodes)
    times = [waited(clock, changing.waiting([turn])) for turn in range(3)]
    assert [round(time, 1) for time in times] == [round(LATE, 1), round(LATE, 1), 0]
    assert (nodes.removed, nodes.hints) == ([1], 2)


def test_a_node_that_another_call_has_marked_meanwhile_is_not_removed_yet(clock: Clock) -> None:
    """It may have asked for turns just before that, and then trusts its memory for a lease."""
    nodes = Nodes(n1=False)
    waiting = a_fence(nodes).waiting([1])
    clock.now += next(waiting)
    nodes.lagging_nodes[1] = True
    waited(clock, waiting)
    assert nodes.removed == []


def test_a_mark_that_a_call_sees_late_is_not_believed_to_be_old(clock: Clock) -> None:
    """Where the database does not answer at first, a node can have been marked just before it is seen."""
    nodes = Nodes(n1=True)
    nodes.fails = 1
    waited(clock, a_fence(nodes).waiting([1]))
    assert nodes.removed == []
    assert nodes.hints == 1


def test_a_slow_first_answer_makes_no_mark_older(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = Nodes(n1=True)
    ask = nodes.lagging

    def slowly(turns: Sequence[int], own: int) -> dict[int, bool]:
        clock.now += LATE
        return ask(turns, own)

    monkeypatch.setattr(nodes, "lagging", slowly)
    waiting = a_fence(nodes).waiting([1])
    next(waiting)
    assert nodes.removed == []


def test_a_call_waits_for_all_others_and_not_for_its_own_process(clock: Clock) -> None:
    nodes = Nodes(n7=False)
    changing = a_fence(nodes)
    changing._node = 7
    assert waited(clock, changing.waiting([1])) == 0
    nodes.lagging_nodes[8] = False
    assert waited(clock, changing.waiting([2])) > LEASE


def test_a_process_that_was_counted_out_leaves_so_that_no_change_waits_for_it_again(clock: Clock) -> None:
    nodes = Nodes(n7=True)
    process = a_fence(nodes)
    process._beat(nodes)
    assert (nodes.left, process._node) == ([7], 0)
    assert not process.holds()


def test_a_fence_that_has_stopped_leaves_no_file_open() -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        changing = a_fence(Nodes())
        changing.start()
        changing.stop()
        changing.stop()
    assert len(os.listdir("/dev/fd")) == before
