"""`updated_at` is the moment of the last change of a key or an owner; use of a key is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry.testing import FakeClock
from tokenry.types import Owner

MINUTE = timedelta(minutes=1)
CHANGES_OF_KEY: dict[str, Callable[[Any, str], Any]] = {
    "update": lambda tk, id: tk.keys.update(id, description="other"),
    "disable": lambda tk, id: tk.keys.disable(id),
    "rotate": lambda tk, id: tk.keys.rotate(id).key,
    "revoke": lambda tk, id: tk.keys.revoke(id),
    "revoke_where": lambda tk, id: tk.keys.revoke_where(owner="ada", dry_run=False).items[0].key,
    "a role deleted": lambda tk, id: tk.roles.delete("reader"),
    "owner deleted": lambda tk, id: tk.owners.delete("ada"),
}
CHANGES_OF_OWNER: dict[str, Callable[[Any], Any]] = {
    "put": lambda tk: tk.owners.put("ada", name="Ada"),
    "disable": lambda tk: tk.owners.disable("ada"),
    "a role deleted": lambda tk: tk.roles.delete("reader"),
}


@pytest.mark.parametrize("how", CHANGES_OF_KEY)
def test_every_change_of_a_key_is_its_last(tk: Any, clock: FakeClock, issue: Issue, how: str) -> None:
    tk.roles.put("reader", scopes=["read:a"])
    issued, other = issue(roles=["reader"]), issue()
    assert issued.key.updated_at == issued.key.created_at == clock.now()
    clock.advance(MINUTE)
    changed = CHANGES_OF_KEY[how](tk, issued.key.id)
    for key in (changed or tk.keys.get(issued.key.id), tk.keys.get(issued.key.id)):
        assert (key.updated_at, key.created_at) == (clock.now(), issued.key.created_at)
    if how in ("update", "disable", "rotate", "revoke"):
        assert tk.keys.get(other.key.id) == other.key


@pytest.mark.parametrize("how", CHANGES_OF_OWNER)
def test_every_change_of_an_owner_is_its_last(tk: Any, clock: FakeClock, how: str) -> None:
    tk.roles.put("reader", scopes=["read:a"])
    made, other = tk.owners.put("ada", roles=["reader"]), tk.owners.put("bob")
    assert made.updated_at == made.created_at == clock.now()
    clock.advance(MINUTE)
    changed = CHANGES_OF_OWNER[how](tk)
    for owner in (changed or tk.owners.get("ada"), tk.owners.get("ada")):
        assert (owner.updated_at, owner.created_at) == (clock.now(), made.created_at)
    assert tk.owners.get("bob") == other


def test_what_changes_nothing_leaves_the_moment(tk: Any, clock: FakeClock, ada: Owner, issue: Issue) -> None:
    issued = issue(description="same")
    clock.advance(MINUTE)
    verdict = tk.verify(issued.secret)
    tk.flush()
    tk.keys.update(issued.key.id, description="same")
    tk.keys.enable(issued.key.id)
    assert tk.owners.put("ada", name="") == tk.owners.enable("ada") == ada
    for key in (verdict.key, tk.keys.get(issued.key.id)):
        assert key.updated_at == issued.key.created_at
    assert verdict.owner == ada


def test_a_verdict_tells_the_last_change_at_once(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret).key.updated_at == clock.now()
    clock.advance(MINUTE)
    tk.keys.update(issued.key.id, name="other")
    tk.owners.put("ada", name="Ada")
    verdict = tk.verify(issued.secret)
    assert (verdict.key.updated_at, verdict.owner.updated_at) == (clock.now(), clock.now())
