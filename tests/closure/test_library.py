"""Whatever somebody does, by themselves and by all they get, nothing comes of it that may do more than they may."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.closure import moves, probes
from tests.closure.actors import READS, WRITES, beginnings, key, operator, owner, session
from tests.closure.moves import FOR_THE_PROGRAM, MOVES, Move
from tests.closure.trials import trial
from tests.closure.world import Credential, World, tried
from tokenry.types import OPERATOR_SCOPES

BEGINNINGS = dict(beginnings())


def test_every_operation_is_tried_here() -> None:
    assert moves.operations() == set(MOVES) | set(FOR_THE_PROGRAM)
    assert not set(MOVES) & set(FOR_THE_PROGRAM)


def test_every_move_is_one_that_can_succeed() -> None:
    world = World(Random(0))
    try:
        root, strong = owner("root", "system")(world), operator("default", [*READS, *WRITES])(world)
        held = [root, strong, session("root", "default")(world)]
        for name, tries in MOVES.items():
            world.tk.owners.put("new")
            assert any(_moved(world, held, name, move) is not None for _ in range(40) for move in tries), name
    finally:
        world.close()


def test_every_scope_of_operators_is_looked_for() -> None:
    assert {f"tokenry:{what}" for what in probes.MATTERS} >= set(OPERATOR_SCOPES) - probes.NOT_PROBED


def test_the_probes_see_what_somebody_may_do() -> None:
    world = World(Random(0))
    try:
        every = probes.can(world, owner("root", "system")(world))
        assert every >= {f"{what} @{place}" for what in probes.MATTERS for place in ("default", "system")}
        assert {f"give {scope} @default" for scope in (*OPERATOR_SCOPES, "*", "admin:x")} <= every
        world.tk.owners.put("new")
        nothing = probes.can(world, owner("new", "default")(world))
        assert nothing == frozenset()
        assert probes.can(world, session("ada", "default")(world)) == {"give read:x @default", "hold read:x @default"}
        assert probes.can(world, session("root", "default", scopes=["read:x"])(world)) == {"hold read:x @default"}
        assert probes.can(world, session("root", "default", narrow=[])(world)) == frozenset()
        assert probes.can(world, key("root", "default", scopes=["read:x"])(world)) == {"hold read:x @default"}
        assert probes.can(world, operator("default", ["keys:write"])(world)) == {
            "keys:write @default",
            "hold tokenry:keys:write @default",
            "give tokenry:keys:write @default",
            *(f"give {scope} @default" for scope in probes.SCOPES),
        }
    finally:
        world.close()


@pytest.mark.parametrize("name", BEGINNINGS)
def test_nothing_comes_of_somebody_that_may_do_more(name: str) -> None:
    world = World(Random(name))  # the seed, too
    try:
        trial(world, BEGINNINGS[name](world), lambda held: _round(world, held))
    finally:
        world.close()


def _round(world: World, held: list[Credential]) -> Iterator[Credential]:
    """Try every operation once each way, in any order, each for something that is held."""
    order = [(name, move) for name, tries in MOVES.items() for move in tries]
    world.rng.shuffle(order)
    for name, move in order:
        yield from _moved(world, held, name, move) or ()


def _moved(world: World, held: list[Credential], name: str, move: Any) -> list[Credential] | None:
    """Try an operation for something that is held; return what comes of it, None when it is refused."""
    by = world.rng.choice([held[0], *held]).by(world)
    asked = Move(world, world.place(), by, held, name)
    return None if by is None else tried(_done, move, asked)


def _done(move: Any, asked: Move) -> list[Credential]:
    answer = move(asked)
    return list(answer) if isinstance(answer, Iterator) else []
