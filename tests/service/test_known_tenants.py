"""A tenant that was read is not read again, until somebody changes it, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tokenry import NotFound, Settings, Tokenry
from tokenry.core.turns import Turn
from tokenry.runtime.memory import Memory
from tokenry.runtime.tenants import TenantMemory


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Tokenry]]:
    all: list[Tokenry] = []

    def another() -> Tokenry:
        all.append(Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=Settings(background=False)))
        return all[-1]

    yield another
    for one in all:
        one.close()


def test_a_read_does_not_read_its_tenant_again(opened: Callable[[], Tokenry]) -> None:
    tk, seen = opened(), []
    tk.owners.put("ada")
    id = tk.keys.issue("ada", name="k").key.id
    tk.keys.get(id)
    tk._database._readers[0].raw.set_trace_callback(seen.append)  # type: ignore[union-attr]
    tk.keys.get(id)
    assert [text for text in seen if "FROM tokenry_key" in text]
    assert not [text for text in seen if "tokenry_tenant" in text]


def test_a_change_of_a_tenant_is_seen_at_once_here_and_elsewhere(opened: Callable[[], Tokenry]) -> None:
    here, there = opened(), opened()
    for name in ("one", "two", "three"):
        here.tenants.update("default", name=name)
        assert [tk.tenants.get("default").name for tk in (here, there, here, there)] == [name] * 4
    here.tenants.create("acme")
    assert there.tenants.get("acme").status == "active"
    here.tenants.suspend("acme")
    assert there.tenants.get("acme").status == here.tenants.get("acme").status == "suspended"
    here.tenants.delete("acme")
    for tk in (here, there):
        with pytest.raises(NotFound):
            tk.tenants.get("acme")


def test_one_that_was_read_before_a_change_is_not_kept_behind_it(opened: Callable[[], Tokenry]) -> None:
    tenant = opened().tenants.get("default")
    memory = Memory(10)
    known = TenantMemory(memory)
    mark = known.mark()
    memory.clear()
    known.keep(tenant, mark)
    assert known.get("default", known.mark()) is None
    known.keep(tenant, known.mark())
    assert known.get("default", known.mark()) is tenant


def test_nothing_is_known_where_memory_is_not_trusted(opened: Callable[[], Tokenry]) -> None:
    known = TenantMemory(Memory(0, None))
    known.keep(opened().tenants.get("default"), known.mark())
    assert known.get("default", known.mark()) is None


class Doubt:
    """Trust that does not hold: nobody has told this process of changes for too long."""

    holds_now = True

    def holds(self) -> bool:
        return self.holds_now

    def moved(self, turn: Turn) -> None: ...
    def forget(self) -> None: ...


def test_nothing_is_taken_from_memory_that_is_not_trusted(opened: Callable[[], Tokenry]) -> None:
    tenant, doubt = opened().tenants.get("default"), Doubt()
    memory = Memory(10)
    memory.watch(doubt)
    known = TenantMemory(memory)
    known.keep(tenant, known.mark())
    assert known.get("default", known.mark()) is tenant
    doubt.holds_now = False
    assert known.get("default", known.mark()) is None
    doubt.holds_now = True
    assert known.get("default", known.mark()) is tenant
