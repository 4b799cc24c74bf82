"""Explaining a key without its secret."""

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import NotFound, Tokenry
from tokenry.testing import FakeClock
from tokenry.types import Limit


def test_it_says_what_a_verifier_who_was_presented_the_secret_would_say(
    tk: Tokenry, issue: Issue, clock: FakeClock
) -> None:
    issued = issue(scopes=["read:a"], allowed_ips=["192.0.2.0/24"], limits=[Limit("minute", 5, 60)])
    asks: list[dict[str, object]] = [
        {"scopes": "read:a", "ip": "192.0.2.1"},
        {"scopes": "write:a", "ip": "192.0.2.1"},
        {"ip": "203.0.113.1"},
        {"ip": "192.0.2.1", "cost": 6},
    ]
    for ask in asks:
        assert tk.keys.explain(issued.key.id, **ask) == tk.explain(issued.secret, **ask)  # type: ignore[arg-type]
    clock.advance(timedelta(days=4000))
    assert tk.keys.explain(issued.key.id, ip="192.0.2.1").code == "expired"


def test_a_revoked_key_is_explained_as_its_secret_is(tk: Tokenry, issue: Issue) -> None:
    issued = issue()
    tk.keys.revoke(issued.key.id)
    found = tk.keys.explain(issued.key.id)
    assert found.code == "revoked"
    assert found == tk.explain(issued.secret)


def test_it_takes_nothing_and_counts_nothing(tk: Tokenry, issue: Issue) -> None:
    issued = issue(limits=[Limit("minute", 1, 60)])
    for _ in range(3):
        assert tk.keys.explain(issued.key.id)
    assert tk.verify(issued.secret)
    assert tk.keys.explain(issued.key.id).code == "rate_limited"


def test_it_is_for_who_sees_the_key(tk: Tokenry, issue: Issue) -> None:
    issued = issue()
    with pytest.raises(NotFound):
        tk.keys.explain(issued.key.id, by="a stranger")


def test_the_host_has_the_last_word_on_the_owner(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.owner_loader(lambda external_id, tenant: None)
    assert tk.keys.explain(issued.key.id).code == "owner_disabled"
