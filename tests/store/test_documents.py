"""Signed documents agree with the rows of their keys, however many change the same keys at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from tests.conftest import STORES
from tokenry import Conflict, NotFound, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import new_generation
from tokenry.store import checking
from tokenry.store.checking import check_documents

KEYS, CALLERS, CALLS = 6, 4, 60
QUIET = Settings(background=False, flush_interval=timedelta(hours=1))


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keys.db"
    made: str = request.getfixturevalue("postgres_server").create_database()
    return made


def test_rows_and_documents_agree_after_changes_at_once(url: str) -> None:
    keyring, start = fresh_keyring(), Barrier(CALLERS)
    with Tokenry(url, keyring=keyring, settings=QUIET) as tk:
        tk.owners.put("ada")
        tk.owners.put("bob")
        for role in ("reader", "writer"):
            tk.roles.put(role, scopes=[role])
        issued = [tk.keys.issue("ada", name=f"k{n}", roles=["reader", "writer"]) for n in range(KEYS)]
        ids = [one.key.id for one in issued]

        def change(seed: int) -> None:
            some = random.Random(seed)
            with Tokenry(url, keyring=keyring, settings=QUIET) as own:
                calls: list[Callable[[str], object]] = [
                    lambda id: own.keys.update(id, description=some.choice("abc"), scopes=[some.choice("abc")]),
                    lambda id: own.keys.rotate(id, grace=timedelta(seconds=some.choice([0, 60]))),
                    lambda id: own.keys.disable(id),
                    lambda id: own.keys.enable(id),
                    lambda _: own.keys.revoke_where(owner="ada", scope="c", dry_run=False),
                    lambda id: own.keys.hand_over(id, some.choice(["ada", "bob"])),
                    lambda _: own.roles.put("reader", scopes=[some.choice("abc")]),
                    lambda _: own.roles.delete("writer") if own.roles.list() else None,
                    lambda _: [own.verify(one.secret) for one in issued] and own.flush(),
                ]
                start.wait()
                for _ in range(CALLS):
                    with suppress(Conflict, NotFound):  # somebody else was faster
                        some.choice(calls)(some.choice(ids))

        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(change, range(CALLERS)))
        with tk._database.read() as rows:
            flaws = list(check_documents(rows.connection, tk._database.seals, None))
        assert len(flaws) >= KEYS
        assert not any(flaws), flaws


def test_a_keyring_without_the_newest_secret_is_told_by_the_check(url: str) -> None:
    old = fresh_keyring()
    newer = old.with_generation(new_generation(bytes(range(38)), 1))
    with Tokenry(url, keyring=old, settings=QUIET) as tk, Tokenry(url, keyring=newer, settings=QUIET) as other:
        other.owners.put("ada")
        other.keys.issue("ada", name="key")
        with tk._database.read() as rows:
            [flaw] = check_documents(rows.connection, tk._database.seals, None)
        assert f"secret '{newer.generations[-1].id}' of a keyring, which the keyring here does not have" in str(flaw)


def test_an_examination_of_some_begins_anywhere_and_goes_round(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Tokenry(url, keyring=fresh_keyring(), settings=QUIET) as tk:
        tk.owners.put("ada")
        kids = sorted(tk.keys.issue("ada", name=f"k{n}").key.secrets[0].kid for n in range(4))
        with tk._database.change() as rows:
            rows.connection.execute(text("UPDATE tokenry_secret SET seal = 'x' WHERE kid = :kid"), {"kid": kids[0]})
        monkeypatch.setattr(checking, "make_kid", lambda entropy: kids[1])
        with tk._database.read() as rows:
            found = [list(check_documents(rows.connection, tk._database.seals, most)) for most in (2, 3, 4, 9)]
        assert [sum(flaw is not None for flaw in flaws) for flaws in found] == [0, 1, 1, 1]
        assert [len(flaws) for flaws in found] == [2, 3, 4, 4]
