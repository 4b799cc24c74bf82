"""A key that renews itself, in a tenant that allows it: that, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, NotAllowed, NotFound, TokenryError
from tokenry.testing import FakeClock
from tokenry.types import Issued

MINUTE = timedelta(minutes=1)


@pytest.fixture
def key(tk: Any, issue: Issue) -> Issued:
    """Give a key of a tenant that allows it."""
    tk.tenants.update("default", self_rotation_allowed=True)
    return issue(scopes=["read:a"], expires_in=timedelta(days=30))


def test_a_tenant_says_whether_and_can_take_it_back(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.tenants.get("default").self_rotation_allowed is False
    with pytest.raises(NotAllowed):
        tk.keys.rotate(issued.key.id, grace=MINUTE, by=tk.require(issued.secret))
    assert tk.tenants.update("default", self_rotation_allowed=True).self_rotation_allowed
    kept = tk.require(issued.secret)
    assert kept.tenant.self_rotation_allowed
    second = tk.keys.rotate(issued.key.id, grace=MINUTE, by=kept)
    kept = tk.require(second.secret)
    tk.tenants.update("default", self_rotation_allowed=False)
    with pytest.raises(NotAllowed):
        tk.keys.rotate(issued.key.id, grace=MINUTE, by=kept)


def test_a_key_replaces_its_secret_and_nothing_else(tk: Any, key: Issued) -> None:
    renewed = tk.keys.rotate(key.key.id, grace=MINUTE, by=tk.require(key.secret))
    for secret in (key.secret, renewed.secret):
        assert tk.verify(secret, scopes=["read:a"])
    assert (renewed.key.scopes, renewed.key.expires_at) == (key.key.scopes, key.key.expires_at)
    assert [entry.actor for entry in tk.audit.list(action="key.rotated")] == [key.key.id]


OTHERWISE: dict[str, Callable[[Any, Issued, Any], Any]] = {
    "another key of its owner": lambda tk, key, by: tk.keys.rotate(
        tk.keys.issue("ada", name="other").key.id, grace=MINUTE, by=by
    ),
    "a key of somebody else": lambda tk, key, by: tk.keys.rotate(
        tk.keys.issue(tk.owners.put("bob"), name="k").key.id, grace=MINUTE, by=by
    ),
    "a new key": lambda tk, key, by: tk.keys.issue("ada", name="new", by=by),
    "more scopes": lambda tk, key, by: tk.keys.update(key.key.id, scopes=["read:a", "b"], by=by),
    "a longer life": lambda tk, key, by: tk.keys.update(key.key.id, expires_in=timedelta(days=90), by=by),
    "being switched on": lambda tk, key, by: tk.keys.enable(key.key.id, by=by),
    "a session": lambda tk, key, by: tk.sessions.start("ada", by=by),
    "the setting itself": lambda tk, key, by: tk.tenants.update("default", never_allowed=True, by=by),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_it_gains_nothing_else(tk: Any, key: Issued, what: str) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        OTHERWISE[what](tk, key, tk.require(key.secret))


def test_it_needs_an_idempotency_key_or_a_minute_of_grace(tk: Any, key: Issued) -> None:
    by = tk.require(key.secret)
    for grace in (timedelta(0), MINUTE - timedelta(microseconds=1)):
        with pytest.raises(Invalid) as invalid:
            tk.keys.rotate(key.key.id, grace=grace, by=by)
        assert [error.field for error in invalid.value.errors] == ["grace"]
    renewed = tk.keys.rotate(key.key.id, by=by, idempotency_key="one")
    assert tk.verify(key.secret).code == "revoked"
    assert tk.keys.rotate(key.key.id, by=tk.require(renewed.secret), idempotency_key="one") == renewed


def test_a_lost_answer_is_given_again_to_the_old_secret_while_it_lives(tk: Any, key: Issued, clock: FakeClock) -> None:
    lost = tk.keys.rotate(key.key.id, grace=MINUTE, by=tk.require(key.secret), idempotency_key="one")
    clock.advance(MINUTE - timedelta(microseconds=1))
    again = tk.keys.rotate(key.key.id, grace=MINUTE, by=tk.require(key.secret), idempotency_key="one")
    assert str(again.secret) == str(lost.secret)
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(key.secret).code == "revoked"


def test_a_secret_that_was_replaced_renews_nothing(tk: Any, key: Issued) -> None:
    kept = tk.require(key.secret)
    renewed = tk.keys.rotate(key.key.id, grace=MINUTE, by=kept)
    for stolen in (kept, tk.require(key.secret)):
        with pytest.raises(Conflict):
            tk.keys.rotate(key.key.id, grace=MINUTE, by=stolen)
    tk.keys.rotate(key.key.id)
    with pytest.raises(Conflict):
        tk.keys.rotate(key.key.id, grace=MINUTE, by=kept)
    assert not tk.verify(renewed.secret)


def test_a_token_of_a_key_renews_nothing(tk: Any, key: Issued) -> None:
    token = tk.exchange(key.secret, scopes=["read:a"])
    with pytest.raises(NotFound):
        tk.keys.rotate(key.key.id, grace=MINUTE, by=tk.require(token.access))


@pytest.mark.parametrize("end", ["revoke", "disable"])
def test_a_key_that_ended_since_renews_nothing(tk: Any, key: Issued, end: str) -> None:
    kept = tk.require(key.secret)
    getattr(tk.keys, end)(key.key.id)
    with pytest.raises(TokenryError):
        tk.keys.rotate(key.key.id, grace=MINUTE, by=kept)
    assert tk.events.list(types=["key.rotated"]).items == ()


def test_an_operators_key_that_manages_no_keys_renews_itself_alone(tk: Any) -> None:
    tk.owners.put("gate", tenant="system")
    issued, other = (
        tk.keys.issue("gate", name=name, tenant="system", environment="op", scopes=["tokenry:verify"])
        for name in ("a", "b")
    )
    by = tk.require(issued.secret, environment="op")
    with pytest.raises(NotAllowed):
        tk.keys.rotate(issued.key.id, grace=MINUTE, tenant="system", by=by)
    tk.tenants.update("system", self_rotation_allowed=True)
    with pytest.raises(NotFound):
        tk.keys.rotate(other.key.id, grace=MINUTE, tenant="system", by=by)
    renewed = tk.keys.rotate(issued.key.id, grace=MINUTE, tenant="system", by=by)
    assert tk.verify(renewed.secret, environment="op", scopes=["tokenry:verify"])


def test_a_token_of_an_operators_key_may_no_more_than_it_says(tk: Any) -> None:
    tk.owners.put("op", tenant="system")
    scopes = ["tokenry:keys:read", "tokenry:keys:write", "tokenry:owners:read"]
    issued = tk.keys.issue("op", name="a", tenant="system", environment="op", scopes=scopes)
    token = tk.exchange(issued.secret, environment="op", scopes=["tokenry:keys:read"])
    by = tk.require(token.access, environment="op")
    assert tk.keys.list(by=by).items == ()
    for beyond in (
        lambda: tk.keys.rotate(issued.key.id, grace=MINUTE, tenant="system", by=by),
        lambda: tk.owners.get("op", by=by),
    ):
        with pytest.raises((NotAllowed, NotFound)):
            beyond()
