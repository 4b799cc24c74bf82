"""What a change finds out within its own transaction counts, whatever was seen before it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tokenry import NotAllowed, NotFound, Settings, Tokenry
from tokenry.core.errors import StoreUnavailable
from tokenry.service import signing_keys
from tokenry.service.sealing import Sealing
from tokenry.store.signing_keys import SigningKeyRows
from tokenry.testing import FakeClock
from tokenry.types import SessionValid, TokenValid


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tk(clock: FakeClock) -> Iterator[Tokenry]:
    with Tokenry("sqlite://", settings=Settings(background=False), clock=clock) as tk:
        tk.owners.put("ada", admin=True)
        yield tk


def test_an_operator_with_the_scope_of_keys_purges_them(tk: Tokenry, clock: FakeClock) -> None:
    tk.keys.revoke(tk.keys.issue("ada", name="k").key.id)
    clock.advance(timedelta(days=1))
    operator = tk.keys.issue("ada", name="op", environment="op", scopes=["tokenry:keys:write"])
    assert tk.keys.purge(revoked_before=clock.now(), by=tk.require(operator.secret, environment="op")) == 1


def test_an_administrator_is_known_by_its_external_id_in_its_own_tenant_alone(tk: Tokenry) -> None:
    tk.tenants.create("other")
    assert tk.roles.put("reader", scopes=["read"], by="ada").name == "reader"
    with pytest.raises(NotAllowed):
        tk.roles.put("reader", scopes=["read"], tenant="other", by="ada")


def test_a_token_with_fewer_scopes_makes_no_key_even_without_any(tk: Tokenry) -> None:
    key = tk.keys.issue("ada", name="k", scopes=["read"])
    token = tk.require(tk.exchange(key.secret).access)
    assert isinstance(token, TokenValid)
    session = tk.sessions.start("ada")
    narrowed = tk.sessions.refresh(session.refresh, scopes=[])
    assert narrowed
    narrow = tk.require(narrowed.access)
    assert isinstance(narrow, SessionValid)
    for actor in (tk.require(key.secret), token, narrow):
        with pytest.raises(NotAllowed):
            tk.keys.issue("ada", name="more", by=actor)
    assert len(tk.keys.list()) == 1


def test_no_keys_at_all_are_issued_by_nobody_and_nowhere(tk: Tokenry) -> None:
    assert tk.keys.issue_many([]) == []
    with pytest.raises(NotFound):
        tk.keys.issue_many([], tenant="other")
    with pytest.raises(NotAllowed):
        tk.keys.issue_many([], by=tk.require(tk.keys.issue("ada", name="k").secret))


def test_a_signing_key_that_somebody_else_has_just_rotated_stays(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    tk.sessions.start("ada")
    before = tk.signing_keys.list()
    due = [(tk.tenants.get("default"), before[0].algorithm)]
    monkeypatch.setattr(SigningKeyRows, "older", lambda *_: due)
    signing_keys.upkeep(tk._context)
    assert tk.signing_keys.list() == before


def test_the_log_says_once_of_which_tenant_the_audit_log_is_wrong(
    tk: Tokenry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tk.tenants.get("default")
    monkeypatch.setattr(Sealing, "end", lambda *_: (None, "its head is forged"))
    for number in range(2):
        tk.owners.put("ada", name=f"Ada {number}")
        tk.flush()
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert messages == [
        f"the audit log of tenant {tenant.id} is not as it was left: its head is forged; entries stay unsealed; "
        "run audit.check"
    ]


def test_credentials_that_nobody_has_are_told_of_with_their_reason(tk: Tokenry) -> None:
    issued = tk.keys.issue("ada", name="k")
    secret = str(issued.secret)
    tk.keys.revoke(issued.key.id)
    tk.keys.delete(issued.key.id)
    assert [tk.verify(text).code for text in (secret, secret, secret[:-1])] == ["not_found", "not_found", "malformed"]
    assert tk._tally.drain_failed() == {("system", "not_found"): 2, ("system", "malformed"): 1}


def test_limits_that_are_open_say_so_when_the_database_fails(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tokenry("sqlite://", settings=Settings(background=False, limits_when_down="open"), clock=clock) as tk:
        tk.owners.put("ada")
        limit = {"name": "l", "limit": 5, "window_seconds": 60}
        key = tk.keys.issue("ada", name="k", limits=[limit])

        def down(*_: object, **__: object) -> Any:
            raise StoreUnavailable("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(tk._database, "change", down)
            assert tk.verify(key.secret)
        assert "limits cannot be counted right now and are open, as configured" in caplog.text


def test_after_a_fork_nobody_waits_for_what_another_thread_held(tk: Tokenry) -> None:
    token = str(tk.sessions.start("ada").access)
    signers = tk._signers
    kid = tk.signing_keys.list()[0].kid
    signers._locks[kid] = threading.Lock()
    signers._locks[kid].acquire()
    signers.forget()
    verdicts: list[Any] = []
    thread = threading.Thread(target=lambda: verdicts.append(tk.verify(token)), daemon=True)
    thread.start()
    thread.join(10)
    assert [bool(verdict) for verdict in verdicts] == [True]
