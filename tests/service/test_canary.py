"""The keyring and the database belong together, also when two processes find that out at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tokenry import Conflict, NotFound, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import Keyring, new_generation
from tokenry.core.model import moment
from tokenry.core.ports import Clash
from tokenry.service import canary

NEWER = new_generation(bytes(range(38)), 0)
NOW = moment(0)


class Late:
    """A store in which somebody else always is first: the first change clashes with what they have written."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.read = store.read
        self.clashes = 0

    @contextmanager
    def change(self) -> Iterator[Any]:
        with self._store.change() as rows:
            yield rows
        if not self.clashes:
            self.clashes += 1
            raise Clash


@pytest.fixture
def keyring() -> Keyring:
    return fresh_keyring()


@pytest.fixture
def tk(keyring: Keyring, tmp_path: Path) -> Iterator[Any]:
    quiet = Settings(background=False)
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", keyring=keyring, settings=quiet) as instance:
        yield instance


def test_of_two_that_note_a_generation_at_once_both_go_on(tk: Any, keyring: Keyring) -> None:
    store = Late(tk._context.store)
    canary.check(store, keyring.with_generation(NEWER))  # type: ignore[arg-type]
    assert store.clashes == 1
    with store.read() as rows:
        assert rows.canaries.list()[NEWER.id] == NEWER.canary


def test_an_unknown_generation_is_not_dropped(tk: Any, keyring: Keyring) -> None:
    with pytest.raises(NotFound, match=f"no generation '{NEWER.id}'"):
        canary.drop(tk._context.store, keyring, NEWER.id, NOW)


def test_a_generation_that_is_needed_says_by_what(tk: Any, keyring: Keyring) -> None:
    store, old = tk._context.store, keyring.generations[0].id
    tk.owners.put("ada")
    needing = []
    for count in (1, 2):
        tk.keys.issue("ada", name=f"k{count}")
        tk.sessions.start("ada")
        with pytest.raises(Conflict) as refused:
            canary.drop(store, keyring.with_generation(NEWER), old, NOW)
        assert refused.value.field == "generation"
        needing.append(str(refused.value))
    entries = "(cut them with audit.cut once they are old)"
    assert needing[0].startswith(
        f"generation {old} is still needed by 1 living secret (rotate or revoke their keys) and 1 session (they move on"
    )
    assert "2 living secrets (rotate" in needing[1]
    assert "2 sessions (they" in needing[1]
    assert all(f"audit entries {entries}" in text for text in needing)
    for kid in [key.kid for key in tk.signing_keys.list()]:
        with store.change() as rows:
            rows.signing_keys.update(kid, {"sealed": b"x" * 40})
    with pytest.raises(Conflict, match=r"2 signing keys that cannot be decrypted \(remove or restore them\)"):
        canary.drop(store, keyring.with_generation(NEWER), old, NOW)
