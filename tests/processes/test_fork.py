"""A forked child begins anew: it inherits no counts, shares, connections or locks, and takes nothing from its parent.

The programs run in processes of their own, since a fork of pytest would carry pytest along.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.crew import ROOT
from tests.processes.places import Place
from tokenry import Limit

BEGIN = """
import faulthandler, os, signal, sys, threading
from tokenry import ConfigError, Settings, Tokenry

url, keyring = sys.argv[1], sys.argv[2] or None


def pipe():
    receive, send = os.pipe()
    return (lambda: os.read(receive, 1)), (lambda: os.write(send, b"."))


def fork(child):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        child()
        status = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(status)


def ended_well(pid):
    assert os.waitpid(pid, 0)[1] == 0, "the child failed"
"""


def run(place: Place, program: str, *arguments: str, timeout: float = 60) -> str:
    command = [sys.executable, "-c", BEGIN + program, place.url, place.keyring or "", *arguments]
    done = subprocess.run(command, cwd=ROOT, timeout=timeout, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_parent_and_children_verify_and_their_counts_add_up(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    run(
        place,
        """
tk = Tokenry(url, keyring=keyring)
for _ in range(10): assert tk.verify(sys.argv[3])   # warm, and counted by the parent alone

def child():
    for _ in range(20): assert tk.verify(sys.argv[3])
    tk.close()

children = [fork(child) for _ in range(3)]
for _ in range(5): assert tk.verify(sys.argv[3])
for pid in children: ended_well(pid)
assert tk.verify(sys.argv[3])
tk.close()
""",
        str(issued.secret),
    )
    assert tk.keys.get(issued.key.id).use_count == 10 + 3 * 20 + 5 + 1


def test_a_child_that_ends_like_a_program_writes_its_counts_and_closes_nothing_of_its_parents(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    run(
        place,
        """
tk = Tokenry(url, keyring=keyring)
assert tk.verify(sys.argv[3])
if os.fork() == 0:
    assert tk.verify(sys.argv[3])
    sys.exit(0)   # atexit and the end of the interpreter
assert os.wait()[1] == 0
for n in range(5):
    assert tk.verify(sys.argv[3])
    tk.owners.put(f"u{n}")
""",
        str(issued.secret),
    )
    assert tk.keys.get(issued.key.id).use_count == 7
    assert len(tk.owners.list().items) == 6


def test_a_revocation_in_a_child_counts_at_once_in_its_parent_and_the_other_way_round(place: Place) -> None:
    run(
        place,
        """
tk = Tokenry(url, keyring=keyring)
tk.owners.put("u")
for trial in range(20):
    one, other = (tk.keys.issue(owner="u", name=f"{trial} {n}") for n in range(2))
    assert tk.verify(one.secret) and tk.verify(other.secret)
    wait_for_child, child_is_done = pipe()
    wait_for_parent, parent_is_done = pipe()

    def child():
        assert tk.verify(other.secret)
        tk.keys.revoke(one.key.id)
        child_is_done()
        wait_for_parent()
        assert tk.verify(other.secret).code == "revoked"
        tk.close()

    pid = fork(child)
    wait_for_child()
    assert tk.verify(one.secret).code == "revoked"
    tk.keys.revoke(other.key.id)
    parent_is_done()
    ended_well(pid)
""",
    )


def test_what_a_child_acknowledged_survives_its_parents_end(place: Place) -> None:
    """The parent closes the database, as one does that becomes a daemon; the child works on and is then killed."""
    run(
        place,
        """
tk = Tokenry(url, keyring=keyring)
tk.owners.put("u")
wait_for_child, child_is_done = pipe()
wait_for_parent, parent_is_done = pipe()
if os.fork() == 0:
    tk.keys.issue(owner="u", name="before")
    child_is_done()
    wait_for_parent()
    for n in range(20): tk.keys.issue(owner="u", name=f"after {n}")
    os.kill(os.getpid(), signal.SIGKILL)
wait_for_child()
tk.close()
parent_is_done()
os.wait()
""",
    )
    tk = place.open()
    assert {key.name for key in tk.keys.list(limit=100).items} == {"before", *(f"after {n}" for n in range(20))}
    assert tk.audit.check()


def test_children_take_no_share_of_their_parents_limits(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k", limits=[Limit("default", 10_000, 366 * 86_400)])
    out = run(
        place,
        """
tk = Tokenry(url, keyring=keyring)
def drain(most):
    count = 0
    while count < most and tk.verify(sys.argv[3]): count += 1
    return count
admitted = drain(1)  # the parent holds 99 more
receive, send = os.pipe()

def child():
    os.write(send, b"%d\\n" % drain(20_000))
    tk.close()

children = [fork(child) for _ in range(4)]
admitted += drain(20_000)
for pid in children: ended_well(pid)
os.close(send)
with os.fdopen(receive) as stream: admitted += sum(map(int, stream))
print(admitted)
""",
        str(issued.secret),
    )
    assert 9_900 <= int(out) <= 10_000


@pytest.mark.parametrize("background", ["True", "False"])
def test_a_fork_while_threads_are_at_work_locks_nobody_up(place: Place, background: str) -> None:
    run(
        place,
        """
from datetime import timedelta
settings = Settings(background=sys.argv[3] == "True", flush_interval=timedelta(milliseconds=1))
tk = Tokenry(url, keyring=keyring, settings=settings)
tk.owners.put("u")
secrets = [tk.keys.issue(owner="u", name=f"k{n}").secret for n in range(10)]
stop = threading.Event()
errors = []

def work(name):
    n = 0
    try:
        while not stop.is_set():
            n += 1
            assert tk.verify(secrets[n % 10])
            if n % 5 == 0: tk.keys.issue(owner="u", name=f"{name} {n}")
            if n % 7 == 0: tk.keys.list(limit=3)
            if n % 11 == 0: tk.roles.put("r", scopes=[f"read:{name}{n}"])
    except Exception as error:
        errors.append(repr(error))

threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
for thread in threads: thread.start()

def child():
    faulthandler.dump_traceback_later(60, exit=True)  # a child that is locked up says where
    for secret in secrets: assert tk.verify(secret)
    tk.keys.issue(owner="u", name=f"child {os.getpid()}")
    assert tk.keys.list(limit=1).items
    tk.close()

try:
    for _ in range(12):
        ended_well(fork(child))
finally:
    stop.set()
    for thread in threads: thread.join()
assert not errors, errors
assert tk.audit.check()
tk.close()
""",
        background,
        timeout=200,
    )


def test_a_killed_parent_leaves_no_lock_behind_in_its_children(file_place: Place) -> None:
    run(
        file_place,
        """
wait_for_ready, is_ready = pipe()
wait_for_end, has_ended = pipe()
wait_for_child, child_is_done = pipe()
parent = os.fork()
if parent == 0:
    tk = Tokenry(url)
    tk.owners.put("u")

    def child():
        wait_for_end()
        tk.keys.issue(owner="u", name="k")
        child_is_done()
        tk.close()

    if fork(child):
        with tk._database.change():
            is_ready()
            signal.pause()
wait_for_ready()
os.kill(parent, signal.SIGKILL)
os.waitpid(parent, 0)
has_ended()
assert wait_for_child() == b".", "the child could not write"
""",
    )


def test_a_parent_that_is_killed_in_a_transaction_leaves_no_lock_behind_with_its_children(
    postgres_place: Place,
) -> None:
    postgres_place.open().owners.put("u")
    run(
        postgres_place,
        """
wait_for_ready, is_ready = pipe()
wait_for_end, has_ended = pipe()
parent = os.fork()
if parent == 0:
    tk = Tokenry(url, keyring=keyring)
    with tk._database.change() as rows:
        rows.tenants.get("default", lock="alone")
        fork(wait_for_end) and (is_ready(), signal.pause())
wait_for_ready()
os.kill(parent, signal.SIGKILL)
os.waitpid(parent, 0)
Tokenry(url, keyring=keyring).keys.issue(owner="u", name="k")
has_ended()
""",
    )


def test_a_connection_that_a_parent_was_making_ends_with_the_parent(postgres_place: Place) -> None:
    postgres_place.open()
    run(
        postgres_place,
        """
import socket
from tokenry.store.connections import Impatient, ImpatientAsync

wait_for_go, go = pipe()
wait_for_ready, is_ready = pipe()
wait_for_end, has_ended = pipe()
for kind in (Impatient, ImpatientAsync):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        parent = os.fork()
        if parent == 0:
            tk = Tokenry(url, keyring=keyring)
            where = f"host=127.0.0.1 port={silent.getsockname()[1]} user=u dbname=d"
            if kind is Impatient:
                connect = lambda: kind.connect(where)
            else:
                import asyncio
                connect = lambda: asyncio.run(kind.connect(where))
            threading.Thread(target=connect, daemon=True).start()
            wait_for_go()
            fork(wait_for_end) and (is_ready(), signal.pause())
        server = silent.accept()[0]
        assert server.recv(100)
        go()
        wait_for_ready()
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        server.settimeout(30)
        assert not server.recv(100), "the child holds the connection open"
        has_ended()
""",
    )


def test_a_fork_while_a_head_of_the_audit_log_is_kept_leaves_no_lock_with_the_child(tmp_path: Path) -> None:
    place = Place("memory", "sqlite://", None, tmp_path, None, None)  # type: ignore[arg-type]
    run(
        place,
        """
import fcntl
from tokenry.runtime.files import locked

wait_for_parent, parent_is_done = pipe()
with open(sys.argv[3], "w") as kept, locked(kept.fileno(), within=1):
    pid = fork(wait_for_parent)
with open(sys.argv[3]) as other:
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
parent_is_done()
ended_well(pid)
""",
        str(tmp_path / "heads"),
    )


def test_a_child_of_a_process_that_is_alone_on_its_file_is_refused_and_never_answers_from_memory(
    file_place: Place,
) -> None:
    run(
        file_place,
        """
tk = Tokenry(url, settings=Settings(exclusive=True))
tk.owners.put("u")
issued = tk.keys.issue(owner="u", name="k")
assert tk.verify(issued.secret)

def child():
    use = lambda: tk.verify(issued.secret)
    for call in (use, lambda: tk.keys.list(), lambda: tk.owners.put("v"), tk.migrate, use):
        try:
            call()
        except ConfigError as error:
            assert "share the file" in str(error)
        else:
            raise AssertionError("was not refused")
    tk.close()

for _ in range(3): ended_well(fork(child))
assert tk.verify(issued.secret)
tk.keys.revoke(issued.key.id)
assert tk.verify(issued.secret).code == "revoked"
""",
    )


def test_a_fork_in_the_middle_of_a_change_leaves_parent_and_file_whole(file_place: Place) -> None:
    run(
        file_place,
        """
tk = Tokenry(url)
tk.owners.put("u")

def child():
    for call in (lambda: tk.owners.put("child"), tk.migrate, lambda: tk.owners.put("child")):
        try:
            call()
        except ConfigError as error:
            assert "after the fork" in str(error)
        else:
            raise AssertionError("was not refused")
    tk.close()

with tk._database.change() as rows:
    pid = fork(child)
ended_well(pid)
assert tk.verify(tk.keys.issue(owner="u", name="k").secret)
assert tk.audit.check()
""",
    )


def test_a_fork_of_a_database_in_memory_makes_two_that_know_nothing_of_each_other(tmp_path: Path) -> None:
    place = Place("memory", "sqlite://", None, tmp_path, None, None)  # type: ignore[arg-type]
    run(
        place,
        """
tk = Tokenry(url)
tk.owners.put("u")
issued = tk.keys.issue(owner="u", name="k")
assert tk.verify(issued.secret)

def child():
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"

ended_well(fork(child))
assert tk.verify(issued.secret)
""",
    )


def test_an_asynchronous_parent_and_its_children_verify(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    run(
        place,
        """
import asyncio
from tokenry import AsyncTokenry

async def use():
    assert all(await asyncio.gather(*[tk.verify(sys.argv[3]) for _ in range(10)]))

async def use_and_close():
    await use()
    await tk.close()

tk = AsyncTokenry(url, keyring=keyring)
asyncio.run(use())
pid = fork(lambda: asyncio.run(use_and_close()))
ended_well(pid)
asyncio.run(use_and_close())
""",
        str(issued.secret),
    )
    assert tk.keys.get(issued.key.id).use_count == 30


def test_a_fork_while_an_instance_on_a_hosts_engine_is_at_work_shares_no_connection_with_the_child(
    place: Place,
) -> None:
    keyring = place.keyring or f"{place.directory}/keys.db.keyring"
    place.open().owners.put("u")  # which makes the tables and the keyring
    run(
        place,
        """
from datetime import timedelta
from sqlalchemy import create_engine
engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
tk = Tokenry(engine=engine, keyring=sys.argv[3], settings=Settings(flush_interval=timedelta(milliseconds=1)))
secrets = [tk.keys.issue(owner="u", name=f"k{n}").secret for n in range(10)]
stop = threading.Event()
errors = []

def work():
    try:
        while not stop.is_set():
            assert all(tk.verify(secret) for secret in secrets)  # and the worker is always busy writing counts
    except BaseException as error:
        errors.append(repr(error))

thread = threading.Thread(target=work)
thread.start()

def child():
    faulthandler.dump_traceback_later(60, exit=True)
    for secret in secrets: assert tk.verify(secret)
    tk.keys.issue(owner="u", name=f"child {os.getpid()}")
    with engine.connect() as connection: connection.exec_driver_sql("SELECT 1")
    tk.close()

try:
    for _ in range(12): ended_well(fork(child))
finally:
    stop.set()
    thread.join()
assert not errors, errors
assert tk.audit.check()
tk.close()
""",
        keyring,
        timeout=200,
    )


def test_a_fork_inside_of_a_change_on_a_hosts_engine_leaves_parent_and_file_whole(file_place: Place) -> None:
    file_place.open().owners.put("u")
    run(
        file_place,
        """
from sqlalchemy import create_engine
tk = Tokenry(engine=create_engine(url), keyring=sys.argv[3])

def child():
    try:
        tk.owners.put("child")
    except ConfigError as error:
        assert "after the fork" in str(error)
    else:
        raise AssertionError("was not refused")

with tk._database.change() as rows:
    pid = fork(child)
ended_well(pid)
tk.owners.put("parent")
tk.close()
""",
        f"{file_place.directory}/keys.db.keyring",
    )
