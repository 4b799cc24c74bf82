"""With memory off, what is known of owners, tenants and roles counts for as long as nobody commits, and no longer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tokenry import Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.lookup import SECRET_ALONE

NO_MEMORY = Settings(memory_entries=0, background=False, flush_interval=timedelta(hours=1))
KEYRING = fresh_keyring()


def _by_hand(statement: str) -> Callable[[Tokenry, Path], object]:
    def change(_: Tokenry, path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(statement)

    return change


CHANGES: dict[str, Callable[[Tokenry, Path], object]] = {
    "an owner is disabled": lambda other, _: other.owners.disable("ada"),
    "an owner is disabled by hand": _by_hand("UPDATE tokenry_owner SET status = 'disabled'"),
    "an owner is removed by hand": _by_hand("DELETE FROM tokenry_owner"),
    "a tenant is suspended": lambda other, _: other.tenants.suspend("default"),
    "a tenant is suspended by hand": _by_hand("UPDATE tokenry_tenant SET status = 'suspended' WHERE slug = 'default'"),
    "a role is put": lambda other, _: other.roles.put("reader", scopes=["other"]),
    "a role is changed by hand": _by_hand("UPDATE tokenry_role SET scopes = '[\"other\"]'"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path for a database."""
    return tmp_path / "keys.db"


@pytest.fixture
def tk(path: Path) -> Iterator[Tokenry]:
    """An instance that looks every key up."""
    with Tokenry(f"sqlite:///{path}", keyring=KEYRING, settings=NO_MEMORY) as tk:
        tk.owners.put("ada")
        tk.roles.put("reader", scopes=["read"])
        yield tk


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_by_somebody_else_counts_at_once(
    change: Callable[[Tokenry, Path], object], tk: Tokenry, path: Path
) -> None:
    secret = tk.keys.issue("ada", name="key", roles=["reader"]).secret
    assert all(tk.verify(secret, scopes="read") for _ in range(3))
    with Tokenry(f"sqlite:///{path}", keyring=KEYRING, settings=NO_MEMORY) as other:
        change(other, path)
        assert not tk.verify(secret, scopes="read")


def test_a_lookup_reads_the_row_of_the_secret_alone_when_the_rest_is_known(tk: Tokenry) -> None:
    issued = [tk.keys.issue("ada", name=f"key {number}", roles=["reader"]) for number in range(4)]
    for one in issued[:2]:
        assert tk.verify(one.secret, scopes="read")
    seen: list[str] = []
    tk._database._finder._connection.set_trace_callback(seen.append)  # type: ignore[union-attr]
    assert all(tk.verify(one.secret, scopes="read") for one in issued[2:])
    assert [SECRET_ALONE.split("=")[0] in statement for statement in seen] == [True, True], seen


def test_a_change_in_the_middle_of_a_lookup_is_not_mixed_with_what_was_known(tk: Tokenry, path: Path) -> None:
    secret = tk.keys.issue("ada", name="key", scopes=["read"]).secret
    assert all(tk.verify(secret) for _ in range(3))
    known: Any = tk._database._finder._known  # type: ignore[union-attr]
    complete = known.complete

    def disabled_in_between(found: object) -> object:
        with Tokenry(f"sqlite:///{path}", keyring=KEYRING, settings=NO_MEMORY) as other:
            other.owners.disable("ada")
        return complete(found)

    known.complete = disabled_in_between
    assert tk.verify(secret).code == "owner_disabled"


def test_a_database_in_memory_has_nothing_known() -> None:
    with Tokenry("sqlite://", keyring=KEYRING, settings=NO_MEMORY) as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="key").secret
        assert all(tk.verify(secret) for _ in range(2))
        tk.owners.disable("ada")
        assert tk.verify(secret).code == "owner_disabled"
