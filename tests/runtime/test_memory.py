"""Memory: bounded, never older than what it heard of, and worthless to who does not know the key."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.scopes import granted
from tokenry.core.secret import make_kid
from tokenry.core.turns import Turn
from tokenry.runtime.memory import Memory
from tokenry.runtime.watch import Watch


class Grant:
    """As much of a grant as memory looks at."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.proof = self.key_record = b""
        self.own_scopes = ()
        self.scopes = granted(())


class Others:
    """What other processes do to the file."""

    def __init__(self) -> None:
        self.commits = self.changes = self.looks = 0

    def version(self) -> int:
        return self.commits

    def fence(self) -> int:
        self.looks += 1
        return self.changes


def watched(others: Others) -> Memory:
    memory = Memory(10)
    memory.watch(Watch(others, memory.clear))
    return memory


def remember(memory: Memory, kid: str, text: str = "text") -> Any:
    grant: Any = Grant(kid)
    memory.remember(grant, text, memory.prepare())
    return grant


def test_only_the_text_that_was_proved_recalls_a_grant() -> None:
    memory = Memory(10)
    grant = remember(memory, "kid", "right")
    assert memory.recall("kid", "right") is grant
    assert memory.recall("kid", "wrong") is None
    assert memory.recall("other", "right") is None


def test_a_grant_is_held_for_as_long_as_it_is_the_one_that_would_be_recalled() -> None:
    others = Others()
    memory = watched(others)
    grant = remember(memory, "kid")
    assert memory.keeps(grant)
    memory.drop(("kid",))
    assert not memory.keeps(grant)
    again = remember(memory, "kid")
    assert memory.keeps(again)
    assert not memory.keeps(grant)
    others.commits, others.changes = 1, 7
    assert memory.is_trusted()
    assert not memory.keeps(again)


@given(st.integers(1, 8), st.lists(st.integers(0, 20), max_size=60))
def test_it_never_holds_more_than_it_may(entries: int, kids: list[int]) -> None:
    memory = Memory(entries)
    for kid in kids:
        remember(memory, f"k{kid}")
        assert len(memory) <= entries
        assert memory.recall(f"k{kid}", "text") is not None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60))
def test_what_was_dropped_is_not_recalled(steps: list[tuple[bool, int]]) -> None:
    memory, held = Memory(3), set()
    for drop, kid in steps:
        if drop:
            memory.drop((f"k{kid}",), Turn(1, 0))
            held.discard(kid)
        else:
            remember(memory, f"k{kid}")
            held.add(kid)
        recalled = {kid for kid in range(6) if memory.recall(f"k{kid}", "text") is not None}
        assert recalled <= held
        assert len(memory) <= 3


def test_zero_entries_is_off() -> None:
    memory = Memory(0)
    remember(memory, "kid")
    assert memory.recall("kid", "text") is None


def test_a_lookup_from_before_a_drop_is_not_remembered() -> None:
    memory = Memory(10)
    drops = memory.prepare()
    memory.drop(("other",), Turn(1, 0))
    memory.remember(Grant("kid"), "text", drops)  # type: ignore[arg-type]
    assert memory.recall("kid", "text") is None


def test_a_drop_while_a_lookup_waits_to_be_remembered_keeps_it_out() -> None:
    memory = Memory(10)
    lock = memory._lock

    class Held:
        """The lock of the memory, which another thread holds until it has dropped something."""

        def __enter__(self) -> None:
            memory._lock = lock
            memory.drop(("kid",), Turn(1, 0))
            lock.acquire()

        def __exit__(self, *error: object) -> None:
            lock.release()

    drops = memory.prepare()
    memory._lock = Held()  # type: ignore[assignment]
    memory.remember(Grant("kid"), "text", drops)  # type: ignore[arg-type]
    assert memory.recall("kid", "text") is None


def test_a_lookup_from_before_a_clear_is_not_remembered() -> None:
    memory = Memory(10)
    drops = memory.prepare()
    memory.clear()
    memory.remember(Grant("kid"), "text", drops)  # type: ignore[arg-type]
    assert memory.recall("kid", "text") is None


def test_a_change_of_others_empties_it_and_a_mere_commit_does_not() -> None:
    others = Others()
    memory = watched(others)
    remember(memory, "kid")
    others.commits += 1
    assert memory.recall("kid", "text") is not None
    others.commits, others.changes = others.commits + 1, others.changes + 1
    assert memory.recall("kid", "text") is None


def test_the_fence_is_read_only_when_somebody_committed() -> None:
    others = Others()
    memory = watched(others)
    remember(memory, "kid")
    looks = others.looks
    for _ in range(100):
        memory.recall("kid", "text")
    assert others.looks == looks
    others.commits += 1
    memory.recall("kid", "text")
    assert others.looks == looks + 1


def test_ones_own_change_drops_what_it_names_and_nothing_else() -> None:
    others = Others()
    memory = watched(others)
    remember(memory, "one")
    remember(memory, "two")
    others.changes += 1  # our own transaction moved the fence; others see a commit, we do not
    memory.drop(("one",), Turn(others.changes, others.changes - 1))
    others.commits += 1
    assert memory.recall("one", "text") is None
    assert memory.recall("two", "text") is not None


def test_a_change_of_others_just_before_our_own_is_not_overlooked() -> None:
    others = Others()
    memory = watched(others)
    remember(memory, "one")
    remember(memory, "two")
    others.changes += 2  # somebody else's and then ours
    memory.drop(("one",), Turn(others.changes, others.changes - 1))
    others.commits += 1
    assert memory.recall("two", "text") is None


def test_a_change_of_others_during_a_lookup_keeps_it_from_being_remembered() -> None:
    others = Others()
    memory = watched(others)
    drops = memory.prepare()
    others.commits, others.changes = 1, 1
    memory.remember(Grant("kid"), "text", drops)  # type: ignore[arg-type]
    assert memory.recall("kid", "text") is None


def test_what_was_forgotten_is_set_free_in_slices() -> None:
    memory, held = Memory(100), []
    for number in range(100):
        held.append(weakref.ref(remember(memory, f"k{number}")))
    memory.clear()
    assert len(memory) == 0
    freed = [sum(one() is None for one in held)]
    while memory.sweep(30):
        freed.append(sum(one() is None for one in held))
    assert freed[0] == 0
    assert all(later - before <= 30 for before, later in itertools.pairwise(freed))
    assert not any(one() for one in held)


def test_no_dictionary_of_it_grows_so_large_that_its_growth_is_felt() -> None:
    memory = Memory(10_000)
    for number in range(10_000):
        kid = make_kid(number.to_bytes(16, "big"))
        memory.keep_foreign("default", remember(memory, kid, f"text {number}"))
    sizes = [len(one) for one in memory._grants.values()] + [len(one) for one in memory._foreign]
    assert sum(sizes) == 20_000
    assert max(sizes) < 500


def test_a_forked_child_knows_nothing() -> None:
    memory = Memory(10)
    remember(memory, "kid")
    memory.forget()
    assert len(memory) == 0
    assert memory.recall("kid", "text") is None
