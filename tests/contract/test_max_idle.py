"""How long a key, or each key of a tenant, may stay unused: set, changed, shown, and not for verdicts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Invalid
from tokenry.types import Key

DAY = timedelta(days=1)


def test_it_is_shown_wherever_a_key_is_managed(tk: Any, issue: Issue) -> None:
    issued = issue(max_idle=30 * DAY)
    id = issued.key.id
    shown: list[Key] = [
        issued.key,
        tk.keys.get(id),
        *tk.keys.list(),
        *tk.keys.expiring(within=1000 * DAY),
        tk.keys.find(issued.secret),
        tk.keys.disable(id),
        tk.keys.enable(id),
        tk.keys.rotate(id).key,
        *[item.key for item in tk.keys.revoke_where(owner="ada")],
        tk.keys.revoke(id),
    ]
    assert {key.max_idle for key in shown} == {30 * DAY}
    [entry] = tk.audit.list(action="key.issued")
    [event] = tk.events.list(types=["key.issued"])
    assert entry.after["max_idle_seconds"] == event.data["max_idle_seconds"] == 30 * 86_400


@pytest.mark.lasting
def test_a_verdict_does_not_know_it_and_no_document_holds_it(tk: Any, issue: Issue, installation: Installation) -> None:
    issued, other = issue(max_idle=987_654 * timedelta(seconds=1)), issue()
    assert tk.verify(issued.secret).key.max_idle is tk.verify(other.secret).key.max_idle is None
    documents = installation.sql("SELECT document FROM tokenry_secret")
    assert len(documents) == 2
    assert "987654" not in str(documents)


def test_an_update_sets_it_and_takes_it_away(tk: Any, issue: Issue) -> None:
    key = issue().key
    assert key.max_idle is None
    assert tk.keys.update(key.id, max_idle=2 * DAY).max_idle == 2 * DAY
    assert tk.keys.update(key.id, description="x").max_idle == 2 * DAY
    assert tk.keys.update(key.id, max_idle=None).max_idle is None
    assert tk.keys.get(key.id).max_idle is None
    entry = tk.audit.list(action="key.updated").items[0]
    assert (entry.before, entry.after) == ({"max_idle_seconds": 2 * 86_400}, {"max_idle_seconds": None})


def test_a_repeated_call_gets_it_again(tk: Any, issue: Issue) -> None:
    first = issue("a", max_idle=2 * DAY, idempotency_key="one")
    again = issue("a", max_idle=2 * DAY, idempotency_key="one")
    assert (again.key, again.key.max_idle) == (first.key, 2 * DAY)


def test_each_of_many_keys_has_its_own(tk: Any, issue: Issue) -> None:
    issue()
    drafts: list[dict[str, Any]] = [{"name": "x", "max_idle": DAY}, {"name": "y"}, {"name": "z", "max_idle": 0 * DAY}]
    made = tk.keys.issue_many([{"owner": "ada", **draft} for draft in drafts])
    assert [one.key.max_idle for one in made[:2]] == [DAY, None]
    assert [error.field for error in made[2].errors] == ["max_idle"]


def test_a_tenant_has_one_too(tk: Any) -> None:
    assert tk.tenants.update("default", max_idle=30 * DAY).max_idle == 30 * DAY
    assert tk.tenants.get("default").max_idle == 30 * DAY
    assert tk.tenants.update("default", max_idle=None).max_idle is None


@pytest.mark.rules
@pytest.mark.parametrize("wrong", [timedelta(0), -DAY, timedelta(hours=23), timedelta(days=40_000)])
def test_a_length_that_makes_no_sense_is_refused(tk: Any, issue: Issue, wrong: timedelta) -> None:
    key = issue().key
    for call in (lambda: issue("b", max_idle=wrong), lambda: tk.keys.update(key.id, max_idle=wrong)):
        with pytest.raises(Invalid) as refused:
            call()
        assert [error.field for error in refused.value.errors] == ["max_idle"]
