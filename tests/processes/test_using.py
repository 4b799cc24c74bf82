"""Inside a host's transaction: what is rolled back never was, what is committed holds, in every order of threads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session

from tests.processes.places import Place
from tests.processes.races import TRIALS
from tests.servers.waiting import until
from tokenry import Conflict, Limit, StoreUnavailable, Tokenry
from tokenry.groups import Joined
from tokenry.types import NestedCall


@pytest.fixture
def host(place: Place) -> Engine:
    return place.engine()


@contextmanager
def transaction(engine: Engine, *, commit: bool) -> Iterator[Connection]:
    with engine.connect() as connection:
        began = connection.begin()
        yield connection
        if commit:
            began.commit()
        else:
            began.rollback()


def settle(place: Place, joined: Joined) -> None:
    """Do what the host must do after its commit. On SQLite the promise holds even if it forgets that."""
    if place.kind == "postgres":
        joined.settle()


class Watchers:
    """Threads that verify one secret over and over: before, during and after what becomes of it."""

    def __init__(self, instances: list[Tokenry]) -> None:
        self._instances = instances
        self.secret: Any = None
        self.ended = threading.Event()
        self.enough = threading.Event()
        self.during: set[str] = set()
        self.after: set[str] = set()

    def __enter__(self) -> "Watchers":
        self._watched = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._watch, args=(tk,)) for tk in self._instances]
        for thread in self._threads:
            thread.start()
        for _ in self._threads:
            self._watched.acquire()  # everybody has presented it once
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        for _ in self._threads:
            self._watched.acquire()  # everybody has presented it once more
        self.enough.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, tk: Tokenry) -> None:
        reported = 0
        while not self.enough.is_set():
            ended = self.ended.is_set()
            code = tk.verify(self.secret).code
            (self.after if ended else self.during).add(code)
            if reported == ended:
                reported += 1
                self._watched.release()


def instances(place: Place, host: Engine, kind: str) -> list[Tokenry]:
    """An instance of its own (alone on the file, or sharing it), and perhaps one on the host's engine."""
    if kind == "alone":
        return [place.open(exclusive=place.kind == "sqlite")]
    tk = place.open()
    keyring = place.keyring or f"{place.directory}/keys.db.keyring"
    return [tk, place.on_engine(host, keyring)]


@pytest.mark.parametrize("kind", ["alone", "with one on the host's engine"])
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "rolled back"])
def test_an_issued_key_holds_if_and_only_if_the_host_commits(
    place: Place, host: Engine, kind: str, commit: bool
) -> None:
    some = instances(place, host, kind)
    some[0].owners.put("u")
    for trial in range(TRIALS // 2):
        watchers = Watchers(some)
        with transaction(host, commit=commit) as connection, some[0].using(connection) as joined:
            watchers.secret = joined.keys.issue(owner="u", name=f"k{trial}").secret
            watchers.__enter__()
        if commit and trial % 2:
            joined.settle()
        watchers.__exit__()
        assert watchers.during <= {"not_found", "valid"}  # valid from the commit on
        assert watchers.after == {"valid" if commit else "not_found"}


@pytest.mark.parametrize("kind", ["alone", "with one on the host's engine"])
def test_a_revocation_holds_once_the_host_has_committed_and_settled(place: Place, host: Engine, kind: str) -> None:
    some = instances(place, host, kind)
    some[0].owners.put("u")
    for trial in range(TRIALS):
        issued = some[0].keys.issue(owner="u", name=f"k{trial}")
        assert all(tk.verify(issued.secret) for tk in some)
        with transaction(host, commit=True) as connection, some[-1].using(connection) as joined:
            joined.keys.revoke(issued.key.id)
            assert all(tk.verify(issued.secret) for tk in some)  # not yet
        settle(place, joined)
        assert [tk.verify(issued.secret).code for tk in some] == ["revoked"] * len(some)


def test_a_revocation_that_is_rolled_back_changes_nothing(place: Place, host: Engine) -> None:
    some = instances(place, host, "with one on the host's engine")
    some[0].owners.put("u")
    issued = some[0].keys.issue(owner="u", name="k")
    for _ in range(TRIALS):
        with transaction(host, commit=False) as connection, some[0].using(connection) as joined:
            joined.keys.revoke(issued.key.id)
        assert all(tk.verify(issued.secret) for tk in some)
    assert some[0].keys.get(issued.key.id).status == "active"


def test_a_commit_counts_at_once_in_another_process(place: Place, host: Engine) -> None:
    tk = place.open()
    tk.owners.put("u")
    (member,) = place.members(1)
    for trial in range(TRIALS):
        with transaction(host, commit=True) as connection, tk.using(connection) as joined:
            issued = joined.keys.issue(owner="u", name=f"k{trial}")
            assert member.ask("verify", str(issued.secret)) == "not_found"
        assert member.ask("verify", str(issued.secret)) == "valid"
        with transaction(host, commit=True) as connection, tk.using(connection) as joined:
            joined.keys.revoke(issued.key.id)
        settle(place, joined)
        assert member.ask("verify", str(issued.secret)) == "revoked"


def test_a_failed_call_leaves_the_hosts_transaction_usable(place: Place, host: Engine) -> None:
    tk = place.open()
    tk.owners.put("u")
    made: list[Any] = []
    with transaction(host, commit=True) as connection, tk.using(connection) as joined:
        made.append(joined.keys.issue(owner="u", name="k"))
        with pytest.raises(Conflict):
            joined.keys.issue(owner="u", name="k")
        made.append(joined.keys.issue(owner="u", name="l"))
    assert all(tk.verify(one.secret) for one in made)
    assert tk.audit.check()


def test_a_transaction_that_is_rolled_back_gives_and_takes_no_units_of_a_limit(place: Place, host: Engine) -> None:
    tk = place.open(store_timeout=timedelta(seconds=0.1) if place.kind == "sqlite" else timedelta(seconds=5))
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k", limits=[Limit("default", 100, 366 * 86_400)])
    with transaction(host, commit=False) as connection, tk.using(connection) as joined:
        joined.keys.update(issued.key.id, limits=[Limit("default", 5, 366 * 86_400)])
        if place.kind == "sqlite":  # which has one writer, and that is the host
            with pytest.raises(StoreUnavailable, match=r"using\(\)"):
                tk.verify(issued.secret)
        else:
            assert tk.verify(issued.secret)
    admitted = sum(bool(tk.verify(issued.secret)) for _ in range(110))
    assert admitted == (100 if place.kind == "sqlite" else 99)


def test_what_cannot_be_told_after_the_commit_is_told_by_the_next_settle(file_place: Place) -> None:
    tk, heard = file_place.open(), []
    tk.owners.put("u")
    tk.events.subscribe(lambda event: heard.append(event.type))
    file = file_place.directory / "keys.db"
    with transaction(file_place.engine(), commit=True) as connection, tk.using(connection) as joined:
        joined.keys.issue(owner="u", name="k")
    away = file.rename(file.with_name("away"))
    with pytest.raises(StoreUnavailable):
        joined.settle()
    assert heard == []
    away.rename(file)
    joined.settle()
    joined.settle()
    assert heard == ["key.issued"]


def test_settling_before_the_commit_is_refused_and_can_be_done_after_it(place: Place, host: Engine) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    events: list[str] = []
    tk.events.subscribe(lambda event: events.append(event.type))
    with transaction(host, commit=True) as connection, tk.using(connection) as joined:
        joined.keys.revoke(issued.key.id)
        with pytest.raises(NestedCall, match="after the transaction was committed"):
            joined.settle()
        assert events == []
    joined.settle()
    assert events == ["key.revoked"]
    assert not tk.verify(issued.secret)


def test_a_session_settles_when_it_commits_and_not_with_a_savepoint(place: Place, host: Engine) -> None:
    tk, other = place.open(), place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    events: list[str] = []
    tk.events.subscribe(lambda event: events.append(event.type))
    assert all(one.verify(issued.secret) for one in (tk, other))
    with Session(host) as session:
        with tk.using(session) as joined:
            joined.keys.revoke(issued.key.id)
        with session.begin_nested():
            pass
        assert events == []
        session.commit()
        assert events == ["key.revoked"]
        assert not any(one.verify(issued.secret) for one in (tk, other))
        session.execute(text("SELECT 1"))
        session.commit()
    assert events == ["key.revoked"]


def test_a_session_settles_although_it_holds_the_only_connection(place: Place) -> None:
    engine = create_engine(place.url.replace("postgresql:", "postgresql+psycopg:"), pool_size=1, max_overflow=0)
    other = place.open()
    other.owners.put("u")
    issued = other.keys.issue(owner="u", name="k")
    tk = place.on_engine(engine, place.keyring or f"{place.directory}/keys.db.keyring")
    assert all(one.verify(issued.secret) for one in (tk, other))
    until(other._memory.is_trusted)
    with Session(engine) as session:
        with tk.using(session) as joined:
            joined.keys.revoke(issued.key.id)
        began = time.monotonic()
        session.commit()
        assert time.monotonic() - began < 10  # and not the 30 s of a pool that has nothing left
        assert not other.verify(issued.secret)
    tk.close()
    engine.dispose()
