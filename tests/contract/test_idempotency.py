"""Calls that may be repeated: the same answer, secret included, and never a second effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Conflict, Invalid, NotFound
from tokenry.testing import FakeClock
from tokenry.types import Owner

TEN_MINUTES = timedelta(minutes=10)


def test_a_repeated_issue_gives_the_same_answer_secret_included(tk: Any, clock: FakeClock, ada: Owner) -> None:
    call = {"name": "CI", "scopes": ["a"], "metadata": {"a": 1}, "idempotency_key": "one"}
    first = tk.keys.issue("ada", **call)
    clock.advance(TEN_MINUTES - timedelta(seconds=1))
    assert tk.keys.issue("ada", **call) == first
    assert str(tk.keys.issue("ada", **call).secret) == str(first.secret)
    assert tk.verify(first.secret)
    assert len(tk.keys.list()) == 1
    assert len(tk.audit.list(action="key.issued")) == 1


def test_after_ten_minutes_a_repeat_is_a_new_call(tk: Any, clock: FakeClock, ada: Owner) -> None:
    first = tk.keys.issue("ada", name="CI", idempotency_key="one")
    clock.advance(TEN_MINUTES)
    with pytest.raises(Conflict) as conflict:
        tk.keys.issue("ada", name="CI", idempotency_key="one")
    assert conflict.value.details["field"] == "name"
    assert tk.keys.issue("ada", name="other", idempotency_key="one").key.id != first.key.id


def test_other_arguments_are_a_conflict(tk: Any, ada: Owner) -> None:
    tk.keys.issue("ada", name="CI", scopes=["a"], idempotency_key="one")
    for changed in ({"scopes": ["a", "b"]}, {"name": "ci"}, {"expires_in": None}, {"metadata": {}}):
        with pytest.raises(Conflict) as conflict:
            tk.keys.issue("ada", **({"name": "CI", "scopes": ["a"], "idempotency_key": "one"} | changed))
        assert conflict.value.details["field"] == "idempotency_key"
    assert len(tk.keys.list()) == 1


def test_keys_of_other_calls_actors_and_tenants_are_others(tk: Any, ada: Owner, acme: str) -> None:
    mine = tk.keys.issue("ada", name="a", idempotency_key="one")
    hers = tk.keys.issue("ada", name="b", idempotency_key="one", by="ada")
    foreign = tk.keys.issue("ada", name="a", idempotency_key="one", tenant=acme)
    rotated = tk.keys.rotate(mine.key.id, idempotency_key="one")
    assert len({mine.key.id, hers.key.id, foreign.key.id}) == 3
    assert len({str(issued.secret) for issued in (mine, hers, foreign, rotated)}) == 4


def test_a_failed_call_leaves_nothing_to_repeat(tk: Any, ada: Owner) -> None:
    with pytest.raises(Invalid):
        tk.keys.issue("ada", name="", idempotency_key="one")
    with pytest.raises(NotFound):
        tk.keys.issue("nobody", name="x", idempotency_key="one")
    assert tk.keys.issue("ada", name="CI", idempotency_key="one")


def test_a_repeated_rotation_gives_the_same_secret_and_rotates_once(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    first = tk.keys.rotate(issued.key.id, grace=timedelta(0), idempotency_key="one")
    clock.advance(timedelta(minutes=9))
    again = tk.keys.rotate(issued.key.id, grace=timedelta(0), idempotency_key="one")
    assert again == first
    assert str(again.secret) == str(first.secret)
    assert tk.verify(first.secret)
    assert len(tk.events.list(types=["key.rotated"])) == 1
    with pytest.raises(Conflict):
        tk.keys.rotate(issued.key.id, grace=timedelta(minutes=1), idempotency_key="one")
    other = issue()
    with pytest.raises(Conflict):
        tk.keys.rotate(other.key.id, idempotency_key="one")


def test_each_new_idempotency_key_rotates_again(tk: Any, issue: Issue) -> None:
    issued = issue()
    secrets = {str(tk.keys.rotate(issued.key.id, idempotency_key=f"k{number}").secret) for number in range(3)}
    assert len(secrets) == 3
    assert sum(bool(tk.verify(secret)) for secret in secrets) == 1


@pytest.mark.lasting
def test_a_repeat_after_a_restart_gives_the_same_answer(installation: Installation, tk: Any, ada: Owner) -> None:
    first = tk.keys.issue("ada", name="CI", idempotency_key="one")
    tk = installation.reopen(tk)
    assert tk.keys.issue("ada", name="CI", idempotency_key="one") == first


@pytest.mark.lasting
def test_what_is_kept_for_a_repeat_holds_no_secret(installation: Installation, tk: Any, ada: Owner) -> None:
    first = tk.keys.issue("ada", name="CI", idempotency_key="the idempotency key")
    [row] = installation.sql("SELECT * FROM tokenry_idempotency")
    text = repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
    assert str(first.secret)[-57:-14] not in text
    assert "the idempotency key" not in text
    assert "CI" in text


@pytest.mark.rules
@pytest.mark.parametrize("key", ["", "x" * 256, 7, b"x"])
def test_an_idempotency_key_is_a_text_of_1_to_255_characters(tk: Any, ada: Owner, key: Any) -> None:
    with pytest.raises(Invalid):
        tk.keys.issue("ada", name="k", idempotency_key=key)


def test_a_repeat_after_a_later_change_tells_what_was_told_then(tk: Any, ada: Owner) -> None:
    first = tk.keys.issue("ada", name="CI", idempotency_key="one")
    tk.keys.revoke(first.key.id)
    again = tk.keys.issue("ada", name="CI", idempotency_key="one")
    assert again == first
    assert tk.verify(again.secret).code == "revoked"
