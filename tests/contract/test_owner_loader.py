"""Owners that the host alone knows: it is asked when it must be, and what it says counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import NotFound
from tokenry.testing import FakeClock

MINUTE = timedelta(minutes=1)


class Host:
    """A host's user table, and how often it was asked."""

    def __init__(self) -> None:
        self.users: dict[str, Any] = {"ada": {"name": "Ada", "email": "ada@host", "roles": ["dev"], "admin": False}}
        self.asked: list[tuple[str, str]] = []

    def load(self, external_id: str, tenant: str) -> Any:
        self.asked.append((external_id, tenant))
        return self.users.get(external_id)


@pytest.fixture
def host(tk: Any) -> Host:
    """The host, registered."""
    made = Host()
    assert tk.owner_loader(made.load) == made.load
    return made


def test_an_owner_that_only_the_host_knows_gets_keys(tk: Any, host: Host) -> None:
    issued = tk.keys.issue("ada", name="k")
    assert host.asked == [("ada", "default")]
    owner = tk.owners.get("ada")
    assert (owner.name, owner.email, owner.roles, owner.admin) == ("Ada", "ada@host", ("dev",), False)
    verdict = tk.verify(issued.secret)
    assert verdict.owner.name == "Ada"
    with pytest.raises(NotFound):
        tk.keys.issue("nobody", name="k")
    host.users["true"] = True
    assert tk.keys.issue("true", name="k").key.owner == "true"


def test_none_is_owner_disabled(tk: Any, host: Host, issue: Issue) -> None:
    issued = issue()
    host.users.clear()
    assert tk.verify(issued.secret).code == "owner_disabled"


def test_the_host_is_asked_once_until_its_answer_is_too_old(
    tk: Any, installation: Any, clock: FakeClock, host: Host, issue: Issue
) -> None:
    issued = issue()
    host.asked.clear()
    for _ in range(5):
        assert tk.verify(issued.secret)
    remembering = installation.store == "sqlite"
    assert len(host.asked) == (1 if remembering else 5)
    host.users.clear()
    clock.advance(MINUTE)
    assert tk.verify(issued.secret).code == ("valid" if remembering else "owner_disabled")
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(issued.secret).code == "owner_disabled"
    host.users["ada"] = True
    clock.advance(MINUTE + timedelta(microseconds=1))
    assert tk.verify(issued.secret)


def test_a_key_is_explained_as_the_host_describes_its_owner(tk: Any, host: Host, issue: Issue) -> None:
    tk.roles.put("dev", scopes=["read"])
    id = issue().key.id
    assert tk.keys.explain(id).code == "valid"
    for facts, code in ({"name": "A"}, "valid"), (True, "valid"), (False, "owner_disabled"), (None, "owner_disabled"):
        host.users["ada"] = facts
        assert tk.keys.explain(id).code == code, facts


def test_what_the_host_says_now_is_what_a_verdict_says(tk: Any, clock: FakeClock, host: Host, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret).owner.email == "ada@host"
    host.users["ada"] = {"email": "new@host", "admin": True, "roles": ["lead"], "more": object()}
    clock.advance(2 * MINUTE)
    owner = tk.verify(issued.secret).owner
    assert (owner.email, owner.admin, owner.roles) == ("new@host", True, ("lead",))


def test_registering_forgets_what_was_remembered(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    tk.owner_loader(lambda external_id, tenant: None)
    assert tk.verify(issued.secret).code == "owner_disabled"


def test_an_owner_disabled_here_stays_disabled_whatever_the_host_says(tk: Any, host: Host, issue: Issue) -> None:
    issued = issue()
    tk.owners.disable("ada")
    assert tk.verify(issued.secret).code == "owner_disabled"


def test_a_failing_loader_lets_nobody_in(tk: Any, issue: Issue) -> None:
    issued = issue()

    def fail(external_id: str, tenant: str) -> object:
        raise RuntimeError("the host's database is down")

    tk.owner_loader(fail)
    with pytest.raises(RuntimeError):
        tk.verify(issued.secret)


def test_the_host_is_not_asked_about_a_key_that_is_not_proved(tk: Any, host: Host, issue: Issue) -> None:
    issued = issue()
    host.asked.clear()
    tk.keys.delete(issued.key.id)
    assert tk.verify(issued.secret).code == "not_found"
    assert tk.verify("nonsense").code == "malformed"
    assert host.asked == []


def test_an_admin_that_the_host_no_longer_knows_acts_no_more(tk: Any, host: Host, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    assert tk.explain(issued.secret).code == "valid"
    host.users.clear()
    assert tk.explain(issued.secret).code == "owner_disabled"
