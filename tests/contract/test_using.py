"""Inside a host's transaction: a key and the host's own row become true together, or neither does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import ConfigError, Conflict, Invalid
from tokenry.types import Closed, Event, Issued, Owner

pytestmark = pytest.mark.lasting


@pytest.fixture
def host_table(installation: Installation) -> None:
    """A table of the host's."""
    installation.sql("DROP TABLE IF EXISTS host_row")
    installation.sql("CREATE TABLE host_row (name varchar(100))")


INSERT = sa.text("INSERT INTO host_row VALUES ('row')")


def rows(installation: Installation) -> int:
    return len(installation.sql("SELECT * FROM host_row"))


@pytest.mark.parametrize("committed", [True, False])
def test_a_key_and_the_hosts_row_live_or_die_together(
    installation: Installation, tk: Any, ada: Owner, host_table: None, committed: bool
) -> None:
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            connection.execute(INSERT)
            issued = joined.keys.issue("ada", name="k")
        connection.commit() if committed else connection.rollback()
        joined.settle()
    assert rows(installation) == committed
    assert bool(tk.verify(issued.secret)) == committed
    assert len(tk.keys.list()) == len(tk.audit.list(action="key.issued")) == committed
    assert len(tk.events.list(types=["key.issued"])) == committed
    assert tk.audit.check()


def test_nobody_waits_for_events_inside_of_a_transaction(installation: Installation, tk: Any, ada: Owner) -> None:
    with installation.connection() as connection, tk.using(connection) as joined:
        assert len(joined.events.list()) == 1
        with pytest.raises(Invalid, match="wait outside of it"):
            joined.events.list(wait=timedelta(seconds=30))


@pytest.mark.parametrize("committed", [True, False])
def test_a_session_of_the_hosts_will_do_too(
    installation: Installation, tk: Any, ada: Owner, host_table: None, committed: bool
) -> None:
    with installation.session() as session:
        with tk.using(session) as joined:
            session.execute(INSERT)
            issued = joined.keys.issue("ada", name="k")
        session.commit() if committed else session.rollback()
        joined.settle()
    assert rows(installation) == committed
    assert bool(tk.verify(issued.secret)) == committed


def test_nobody_outside_sees_a_key_before_the_commit(installation: Installation, tk: Any, ada: Owner) -> None:
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            issued = joined.keys.issue("ada", name="k")
            assert joined.keys.get(issued.key.id) == issued.key
            assert len(joined.keys.list()) == 1
            assert tk.verify(issued.secret).code == "not_found"
            assert len(tk.keys.list()) == 0
        connection.commit()
        assert tk.verify(issued.secret), "what was missed before is not remembered as missing"


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("committed", [True, False])
def test_a_revocation_counts_when_the_host_commits(
    installation: Installation, tk: Any, issue: Issue, warm: bool, committed: bool
) -> None:
    issued = issue()
    if warm:
        assert tk.verify(issued.secret)
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            joined.keys.revoke(issued.key.id)
            assert joined.keys.get(issued.key.id).status == "revoked"
            assert tk.verify(issued.secret), "nobody knows yet whether it comes true"
        connection.commit() if committed else connection.rollback()
        joined.settle()
    assert tk.verify(issued.secret).code == ("revoked" if committed else "valid")


def test_other_instances_learn_of_what_a_host_committed(installation: Installation, tk: Any, issue: Issue) -> None:
    issued = issue()
    other = installation.open()
    assert other.verify(issued.secret)
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            joined.keys.revoke(issued.key.id)
        connection.commit()
        joined.settle()
    assert other.verify(issued.secret).code == "revoked"


def test_subscribers_are_told_when_settled_and_only_of_what_came_true(
    installation: Installation, tk: Any, ada: Owner
) -> None:
    heard: list[Event] = []
    tk.events.subscribe(heard.append)
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            joined.keys.issue("ada", name="k")
            assert heard == []
        connection.commit()
        assert heard == []
        joined.settle()
        assert [event.type for event in heard] == ["key.issued"]
        joined.settle()
        assert len(heard) == 1
        with tk.using(connection) as joined:
            joined.keys.issue("ada", name="l")
        connection.rollback()
        joined.settle()
    assert len(heard) == 1


def test_what_was_rolled_back_can_be_done_again(installation: Installation, tk: Any, ada: Owner) -> None:
    secrets = []
    with installation.connection() as connection:
        for committed in (False, False, True):
            with tk.using(connection) as joined:
                secrets.append(joined.keys.issue("ada", name="same").secret)
            connection.commit() if committed else connection.rollback()
    assert [bool(tk.verify(secret)) for secret in secrets] == [False, False, True]


def test_a_failed_call_leaves_nothing_of_itself_and_the_host_goes_on(
    installation: Installation, tk: Any, issue: Issue, host_table: None
) -> None:
    issue("taken")
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            connection.execute(INSERT)
            with pytest.raises(Conflict):
                joined.keys.issue("ada", name="taken")
            with pytest.raises(Invalid):
                joined.keys.issue("ada", name="")
            issued = joined.keys.issue("ada", name="free")
        connection.commit()
    assert rows(installation) == 1
    assert tk.verify(issued.secret)
    assert len(tk.audit.list(action="key.issued")) == 2
    assert tk.audit.check()


def test_a_savepoint_of_the_hosts_takes_back_what_was_done_in_it(
    installation: Installation, tk: Any, ada: Owner
) -> None:
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            kept = joined.keys.issue("ada", name="kept")
            connection.execute(sa.text("SAVEPOINT mine"))
            lost = joined.keys.issue("ada", name="lost")
            connection.execute(sa.text("ROLLBACK TO SAVEPOINT mine"))
        connection.commit()
        joined.settle()
    assert tk.verify(kept.secret)
    assert tk.verify(lost.secret).code == "not_found"


def test_a_savepoint_of_a_session_takes_back_what_was_done_in_it(
    installation: Installation, tk: Any, ada: Owner
) -> None:
    with installation.session() as session:
        with tk.using(session) as joined:
            kept = joined.keys.issue("ada", name="kept")
            with pytest.raises(ZeroDivisionError), session.begin_nested():  # noqa: PT012
                lost = joined.keys.issue("ada", name="lost")
                raise ZeroDivisionError
            with session.begin_nested():
                also_kept = joined.keys.issue("ada", name="also kept")
        session.commit()
        joined.settle()
    assert [bool(tk.verify(one.secret)) for one in (kept, lost, also_kept)] == [True, False, True]


def test_a_session_that_commits_in_between_goes_on_with_its_next_transaction(
    installation: Installation, tk: Any, ada: Owner
) -> None:
    with installation.session() as session:
        with tk.using(session) as joined:
            first = joined.keys.issue("ada", name="first")
            session.commit()
            second = joined.keys.issue("ada", name="second")
        session.rollback()
        joined.settle()
    assert [bool(tk.verify(one.secret)) for one in (first, second)] == [True, False]


@pytest.mark.parametrize("kind", ["connection", "session"])
def test_a_call_after_the_block_is_refused(installation: Installation, tk: Any, ada: Owner, kind: str) -> None:
    with getattr(installation, kind)() as host:
        with tk.using(host) as joined:
            pass
        with pytest.raises(Closed, match="its block is over"):
            joined.keys.issue("ada", name="k")


def test_a_transaction_that_cannot_go_on_is_named(installation: Installation, tk: Any, ada: Owner) -> None:
    with installation.connection() as connection, tk.using(connection) as joined:
        if installation.store == "postgres":
            with pytest.raises(sa.exc.ProgrammingError):
                connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))
            with pytest.raises(Closed, match="has failed before"):
                joined.keys.issue("ada", name="k")
        connection.close()
        with pytest.raises(Closed, match="over or was closed"):
            joined.keys.issue("ada", name="k")


def test_an_error_of_the_hosts_reaches_the_host(installation: Installation, tk: Any, ada: Owner) -> None:
    with installation.connection() as connection:
        with pytest.raises(ZeroDivisionError), tk.using(connection) as joined:  # noqa: PT012
            issued: Issued = joined.keys.issue("ada", name="k")
            raise ZeroDivisionError
        connection.rollback()
    assert tk.verify(issued.secret).code == "not_found"


def test_scoped_works_inside_too(installation: Installation, tk: Any, ada: Owner) -> None:
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            issued = joined.scoped(by="ada", ip="192.0.2.1").keys.issue("ada", name="k")
        connection.commit()
    assert tk.verify(issued.secret)
    [entry] = tk.audit.list(action="key.issued")
    assert (entry.actor, entry.ip) == ("ada", "192.0.2.1")


def test_owners_tenants_and_roles_join_too(installation: Installation, tk: Any, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["a"])
    issued = issue(roles=["reader"])
    assert tk.verify(issued.secret, scopes="a")
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            joined.roles.put("reader", scopes=["b"])
            joined.owners.put("bob")
            joined.tenants.create("new")
        connection.commit()
        joined.settle()
        assert tk.verify(issued.secret, scopes="a").code == "insufficient_scope"
        with tk.using(connection) as joined:
            joined.owners.disable("ada")
        connection.commit()
        joined.settle()
    assert tk.verify(issued.secret).code == "owner_disabled"
    assert tk.owners.get("bob", tenant="default").status == "active"


def test_what_is_no_connection_is_refused(tk: Any) -> None:
    for thing in (None, "sqlite://", 7, object()):
        with pytest.raises(ConfigError), tk.using(thing):
            pass
