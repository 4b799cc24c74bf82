"""What hosts do: savepoints, transactions that are rolled back, asynchronous commits, repeats, and being killed."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text

from tests.processes.crew import Member
from tests.processes.places import Place
from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import Tokenry
from tokenry.config import fresh_keyring, write_keyring_file


def turns(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM tokenry_turn").fetchone()
        return int(row[0]) if row else 0


def nodes(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM tokenry_node WHERE NOT gone").fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def tk(postgres_place: Place) -> Tokenry:
    opened = postgres_place.open()
    opened.owners.put("u")
    return opened


@pytest.fixture
def member(postgres_place: Place, tk: Tokenry) -> Member:
    """Another process, which has joined."""
    (found,) = postgres_place.members(1)
    found.ask("verify", "x")
    tk.verify("x")
    until(lambda: nodes(postgres_place.url) == 2)
    return found


def issued(tk: Tokenry, name: str, member: Member) -> Any:
    """Issue a key that the other process then remembers."""
    made = tk.keys.issue("u", name=name)
    until(lambda: member.ask("verify", str(made.secret)) == "valid")
    return made


class Scene:
    """A tenant with a key that has a role, and a session."""

    def __init__(self, tk: Tokenry, tenant: str) -> None:
        tk.tenants.create(tenant)
        tk.roles.put("r", scopes=["read:a"], tenant=tenant)
        tk.owners.put("v", tenant=tenant)
        made = tk.keys.issue("v", name="k", roles=["r"], tenant=tenant)
        self.tenant, self.key, self.secret = tenant, made.key.id, str(made.secret)
        self.session = str(tk.sessions.start("v", tenant=tenant).access)
        self.kid = next(key.kid for key in tk.signing_keys.list(tenant=tenant) if key.status == "active")


def test_a_turn_in_a_savepoint_that_is_rolled_back_is_no_turn(
    postgres_place: Place, tk: Tokenry, member: Member
) -> None:
    engine = postgres_place.engine()
    kept, taken_back = (issued(tk, name, member) for name in ("kept", "taken back"))
    with engine.connect() as connection:
        with connection.begin(), tk.using(connection) as joined:
            joined.keys.revoke(kept.key.id)
            savepoint = connection.begin_nested()
            joined.keys.revoke(taken_back.key.id)
            savepoint.rollback()
        began = time.monotonic()
        joined.settle()
        assert time.monotonic() - began < 3  # it waits for no turn that there is not
    assert member.ask("verify", str(kept.secret)) == "revoked"
    assert member.ask("verify", str(taken_back.secret)) == "valid"


def test_a_savepoint_that_is_released_is_followed(postgres_place: Place, tk: Tokenry, member: Member) -> None:
    engine = postgres_place.engine()
    for trial in range(10):
        made = issued(tk, f"k{trial}", member)
        with engine.connect() as connection:
            with connection.begin(), tk.using(connection) as joined:
                connection.execute(text("SELECT 1"))
                with connection.begin_nested(), connection.begin_nested():
                    joined.keys.revoke(made.key.id)
            joined.settle()
        assert member.ask("verify", str(made.secret)) == "revoked"


def test_nothing_waits_for_what_a_host_has_rolled_back(postgres_place: Place, tk: Tokenry, member: Member) -> None:
    engine = postgres_place.engine()
    made = issued(tk, "k", member)
    with engine.connect() as connection:
        transaction = connection.begin()
        with tk.using(connection) as joined:
            joined.keys.revoke(made.key.id)
        transaction.rollback()
        joined.settle()
    assert member.ask("verify", str(made.secret)) == "valid"
    assert turns(postgres_place.url) == 0


ONE = {"name": "one", "limit": 1, "window_seconds": 86_400}
REPEATED: dict[str, tuple[str, str, Callable[[Scene], tuple[tuple[Any, ...], dict[str, Any]]]]] = {
    "key": ("keys", "revoke", lambda scene: ((scene.key,), {})),
    "narrowed key": ("keys", "update", lambda scene: ((scene.key,), {"roles": []})),
    "bulk": ("keys", "revoke_where", lambda scene: ((), {"owner": "v", "dry_run": False})),
    "owner": ("owners", "disable", lambda scene: (("v",), {})),
    "limited owner": ("owners", "put", lambda scene: (("v",), {"shared_limits": [ONE]})),
    "tenant": ("tenants", "suspend", lambda scene: ((scene.tenant,), {})),
    "limited tenant": ("tenants", "update", lambda scene: ((scene.tenant,), {"shared_limits": [ONE]})),
    "role": ("roles", "put", lambda scene: (("r",), {"scopes": []})),
    "sessions": ("sessions", "revoke_all", lambda scene: (("v",), {})),
    "signing key": ("signing_keys", "remove", lambda scene: ((scene.kid,), {})),
}


@pytest.mark.parametrize("what", REPEATED)
def test_a_repeat_by_another_process_waits_although_the_first_call_still_does(
    postgres_place: Place, tk: Tokenry, member: Member, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The first one has committed and not told anybody. The second one changes nothing, and must not return early."""
    watching, repeating = postgres_place.members(2)
    watching.ask("verify", "x")
    wait_for = tk._wait_for
    for trial in range(5):
        scene = Scene(tk, f"t{trial}")
        credential = scene.session if what in ("sessions", "signing key") else scene.secret
        asked: dict[str, Any] = {} if credential is scene.session else {"scopes": "read:a", "cost": 2}
        until(lambda credential=credential, asked=asked: watching.ask("verify", credential, **asked) == "valid")  # type: ignore[misc]
        group, method, arguments = REPEATED[what]
        args, options = arguments(scene)
        if group != "tenants":
            options["tenant"] = scene.tenant
        committed, go_on = threading.Event(), threading.Event()
        with monkeypatch.context() as patched:
            patched.setattr(tk, "_wait_for", _held(committed, go_on, wait_for))
            first = threading.Thread(target=getattr(getattr(tk, group), method), args=args, kwargs=options)
            first.start()
            try:
                assert committed.wait(30)
                repeating.ask("call", group, method, *args, **options)
                assert watching.ask("verify", credential, **asked) != "valid"
            finally:
                go_on.set()
                first.join()


def _held(committed: threading.Event, go_on: threading.Event, wait_for: Callable[[Any], None]) -> Callable[[Any], None]:
    def held(all_done: Any) -> None:
        committed.set()
        assert go_on.wait(30)
        wait_for(all_done)

    return held


def test_a_change_whose_caller_was_killed_before_it_waited_is_followed_and_a_repeat_waits(
    postgres_place: Place, tk: Tokenry, member: Member
) -> None:
    watching, killed = member, postgres_place.members(2)[1]
    one, other = issued(tk, "one", watching), issued(tk, "other", watching)
    for made in (one, other):
        killed.begin("commit_and_hang", "keys", "revoke", made.key.id)
        until(lambda made=made: tk.keys.get(made.key.id).status == "revoked")  # type: ignore[misc]
        if made is one:
            tk.keys.revoke(made.key.id)
            assert watching.ask("verify", str(made.secret)) == "revoked"
        killed.kill()
        killed = postgres_place.members(2)[1] if made is one else killed
    until(lambda: watching.ask("verify", str(other.secret)) == "revoked", 10)


def test_a_turn_is_heard_although_its_hint_was_lost(
    tk: Tokenry, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tk._fence is not None
    monkeypatch.setattr(tk._fence._store, "hint", lambda: None)
    for trial in range(3):
        made = issued(tk, f"k{trial}", member)
        tk.keys.revoke(made.key.id)
        assert member.ask("verify", str(made.secret)) == "revoked"


def test_a_hint_that_arrives_together_with_an_answer_is_not_lost(postgres_place: Place, tk: Tokenry) -> None:
    store = tk._fence and tk._fence._store
    assert store is not None
    never, end = os.pipe()
    with closing(store.link()) as link, psycopg.connect(postgres_place.url, autocommit=True) as other:
        link.listen()
        node = link.join()
        for _ in range(10):
            link.hear(node, frozenset())
            other.execute("NOTIFY tokenry_turn")
            link.say(node, frozenset())  # its answer can bring the hint along
            began = time.monotonic()
            link.wait(30, never)
            assert time.monotonic() - began < 20
        link.leave(node)
    os.close(never)
    os.close(end)


def test_a_removed_signing_key_is_good_nowhere_once_that_has_been_told(
    postgres_place: Place, tk: Tokenry, member: Member
) -> None:
    key = tk.keys.issue("u", name="parent")
    for _ in range(10):
        token = str(tk.exchange(key.secret).access)
        until(lambda token=token: member.ask("verify", token) == "valid")  # type: ignore[misc]
        active = next(one for one in tk.signing_keys.list() if one.status == "active")
        tk.signing_keys.remove(active.kid)
        assert member.ask("verify", token) == "malformed"
        assert not tk.verify(token)


def test_an_end_outlives_a_power_cut_where_the_host_commits_asynchronously(
    durable_server: Postgres, tmp_path: Path
) -> None:
    url = durable_server.create_database()
    keyring = tmp_path / "keyring"
    write_keyring_file(keyring, fresh_keyring())
    with Tokenry(url, keyring=str(keyring)) as made:
        made.owners.put("u")
        keys = [made.keys.issue("u", name=f"k{n}") for n in range(20)]
    engine = _asynchronous(url)
    with Tokenry(engine=engine, keyring=str(keyring)) as tk:
        tk.verify("x")
        until(lambda: nodes(url) == 1)
        for key in keys[:10]:
            tk.keys.revoke(key.key.id)
        for key in keys[10:]:
            with engine.connect() as connection:
                with connection.begin(), tk.using(connection) as joined:
                    joined.keys.revoke(key.key.id)
                joined.settle()
        durable_server.kill()
        durable_server.start()
        assert nodes(url) == 1
        engine.dispose()
        assert {tk.verify(key.secret).code for key in keys} == {"revoked"}
    engine.dispose()
    durable_server.drop_database(url)


def _asynchronous(url: str) -> Engine:
    options = {"options": "-c synchronous_commit=off"}
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), connect_args=options)
