"""Places in memory: a key has one, however often it changes, and loses it to nobody."""

from __future__ import annotations

from tests.runtime.test_leases import a_grant
from tokenry.core.grant import Grant, size_of_grant
from tokenry.core.turns import Turn
from tokenry.runtime.memory import Memory


def named(kid: str) -> Grant:
    grant = a_grant()
    grant.kid = kid
    return grant


def remember(memory: Memory, kid: str) -> None:
    memory.remember(named(kid), kid, memory.prepare())


def test_a_key_that_changes_often_evicts_nobody() -> None:
    memory = Memory(100)
    kids = [f"k{number}" for number in range(100)]
    for kid in kids:
        remember(memory, kid)
    for _ in range(300):
        memory.drop(("k0",), Turn(1, 0))
        assert memory.recall("k0", "k0") is None
        remember(memory, "k0")
    assert len(memory) == 100
    assert all(memory.recall(kid, kid) for kid in kids)


def test_a_dropped_key_is_not_counted_and_its_place_goes_to_another() -> None:
    memory = Memory(3)
    for kid in "abc":
        remember(memory, kid)
    memory.drop(("a", "b", "unknown"), Turn(1, 0))
    memory.drop(("a",), Turn(2, 1))
    assert len(memory) == 1
    for kid in "def":
        remember(memory, kid)
    assert (len(memory), memory.recall("c", "c")) == (3, None)
    assert all(memory.recall(kid, kid) for kid in "def")
    memory.drop(("d",), Turn(3, 2))
    memory.clear()
    assert len(memory) == 0
    while memory.sweep():
        pass
    remember(memory, "d")
    assert len(memory) == 1


def test_a_repr_shows_neither_proof_nor_digest() -> None:
    grant = named("k")
    grant.proof = b"proof-of-the-secret"
    assert repr(grant) == "Grant(kid='k', tenant='default')"
    assert "proof" not in str(grant.__rich_repr__())


def test_large_grants_take_more_room_and_the_oldest_go() -> None:
    memory = Memory(100)
    for number in range(1000):
        grant = named(f"k{number}")
        grant.key_record = b"x" * 8000
        memory.remember(grant, grant.kid, memory.prepare())
        assert len(memory) <= 12
        assert memory.recall(grant.kid, grant.kid) is grant
    assert memory.recall("k998", "k998")
    for number in range(200):
        remember(memory, f"small {number}")
    assert len(memory) == 100
    assert memory._bytes == 100 * size_of_grant(named("small"))


def test_a_grant_larger_than_all_room_is_remembered_alone() -> None:
    memory = Memory(3)
    grant = named("large")
    grant.key_record = b"x" * 100_000
    remember(memory, "a")
    memory.remember(grant, "large", memory.prepare())
    assert (len(memory), memory.recall("large", "large")) == (1, grant)
    memory.drop(("large",))
    assert (len(memory), memory._bytes) == (0, 0)
