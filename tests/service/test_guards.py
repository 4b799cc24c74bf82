"""Guards that seldom have anything to do: each is seen doing it once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tokenry import Invalid, NotAllowed, NotFound, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.core.keyring import new_generation
from tokenry.core.secret import mint
from tokenry.service import sealed_keys, usage
from tokenry.store.keys import KeyRows
from tokenry.store.sessions import SessionRows
from tokenry.testing import FakeClock

DAY = timedelta(days=1)
LATER = "UPDATE tokenry_{} SET revoked_at = 1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tk(clock: FakeClock) -> Iterator[Tokenry]:
    with Tokenry("sqlite://", settings=Settings(background=False), clock=clock) as tk:
        tk.owners.put("ada")
        yield tk


def written(tk: Any, statement: str) -> None:
    """Change the database as another process would whose change is not heard of yet."""
    tk._database._write_with.raw.execute(statement)


def test_a_session_whose_token_would_be_too_long_is_not_started(tk: Tokenry) -> None:
    with pytest.raises(Invalid):
        tk.sessions.start("ada", claims={f"claim{number}": "x" * 200 for number in range(40)})
    assert tk.sessions.list("ada").items == ()


def test_a_key_is_found_by_one_thing_and_by_nothing_that_is_no_kid(tk: Tokenry) -> None:
    issued = tk.keys.issue("ada", name="k")
    for given in ({}, {"secret": issued.secret, "kid": issued.key.secrets[0].kid}):
        with pytest.raises(Invalid) as refused:
            tk.keys.find(**given)
        assert [(one.field, one.code) for one in refused.value.errors] == [("secret", "ambiguous")]
    for kid in ("\ud800" * 16, "-" * 16, "a"):
        with pytest.raises(NotFound):
            tk.keys.find(kid=kid)


def test_a_key_that_was_not_made_here_is_malformed_without_a_lookup(tk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = tk.keys.issue("ada", name="k")
    monkeypatch.setattr(tk._database, "find", None)
    forged = mint("tk_live", issued.key.secrets[0].kid, os.urandom(32), os.urandom(32))
    assert tk.verify(forged).code == "malformed"


def test_a_generation_that_is_not_there_or_is_the_newest_reseals_nothing() -> None:
    keyring, nowhere = fresh_keyring(), None
    for old in ("gone", keyring.generations[-1].id):
        sealed_keys.reseal(nowhere, keyring, old, 2**60)  # type: ignore[arg-type]


def test_a_key_that_is_about_to_expire_is_told_of_in_its_own_tenant(tk: Tokenry) -> None:
    tk.tenants.create("acme")
    tk.owners.put("bob", tenant="acme")
    key = tk.keys.issue("bob", name="k", expires_in=DAY / 2, tenant="acme").key
    usage.tell_expiring(tk._context)
    assert {event.subject for event in tk.events.list(types=["key.expiring"], tenant="acme")} == {key.id}
    assert tk.events.list(types=["key.expiring"]).items == ()


def test_ending_sessions_that_have_just_ended_makes_this_process_forget_them(tk: Tokenry) -> None:
    access = tk.sessions.start("ada").access
    assert tk.verify(access)
    written(tk, LATER.format("session"))
    assert tk.sessions.revoke_all("ada") == ()
    assert tk.verify(access).code == "revoked"


def test_a_bulk_forgets_keys_that_somebody_else_has_ended_since_they_were_found(
    tk: Tokenry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tk.keys.issue("ada", name="a"), tk.keys.issue("ada", name="b")
    assert tk.verify(first.secret)
    found = KeyRows.list
    called = []

    def listed(self: KeyRows, *args: Any, **options: Any) -> Any:
        keys = found(self, *args, **options)
        called.append(len(keys))
        if len(called) == 1:
            connection: Any = self._connection
            connection.raw.execute(LATER.format("key") + f" WHERE id = '{first.key.id}'")
            connection.raw.execute(f"UPDATE tokenry_secret SET seal = NULL WHERE key_id = '{first.key.id}'")
        return keys

    monkeypatch.setattr(KeyRows, "list", listed)
    done = tk.keys.revoke_where(owner="ada", dry_run=False)
    assert [item.key.id for item in done.items] == [second.key.id]
    assert [tk.verify(one.secret).code for one in (first, second)] == ["not_found", "revoked"]


def test_a_token_whose_session_is_gone_ends_nothing(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh = tk.sessions.start("ada").refresh
    monkeypatch.setattr(SessionRows, "by_kid", lambda *_: None)
    with pytest.raises(NotFound):
        tk.sessions.revoke_by_token(refresh)


def test_an_owner_whom_only_the_host_knows_is_no_administrator_unless_it_says_so(tk: Tokenry) -> None:
    tk.owner_loader(lambda external_id, tenant: {"admin": True} if external_id == "root" else {"name": "Ghost"})
    with pytest.raises(NotAllowed):
        tk.roles.put("reader", scopes=["read"], by="ghost")
    assert tk.roles.put("reader", scopes=["read"], by="root")


def test_a_digest_is_written_anew_under_a_newer_generation_alone(tmp_path: Path) -> None:
    old, url, quiet = fresh_keyring(), f"sqlite:///{tmp_path}/keys.db", Settings(background=False)
    with Tokenry(url, keyring=old, settings=quiet) as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="k").secret
        tk._memory.clear()
        assert tk.verify(secret)
        assert not tk._tally._peppers
    newer = old.with_generation(new_generation(os.urandom(32), 0))
    with Tokenry(url, keyring=newer, settings=quiet) as tk:
        assert tk.verify(secret)
        assert [pepper.pepper_id for pepper in tk._tally._peppers.values()] == [newer.generations[-1].id]
