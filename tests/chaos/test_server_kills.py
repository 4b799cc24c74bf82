"""PostgreSQL is killed as by a power cut: nothing acknowledged is lost, nothing is `valid` meanwhile, and it heals."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.chaos.counts import times
from tests.chaos.ledger import Ledger, check_whole
from tests.conftest import STORES
from tests.processes.places import Place, place_on
from tests.processes.races import at_once
from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import AsyncTokenry, Limit, Settings, StoreUnavailable, Tokenry

pytestmark = [pytest.mark.chaos, pytest.mark.skipif("postgres" not in STORES, reason="this run is without PostgreSQL")]
WORKERS = 4
RECOVERY_SECONDS_MAX = 2
OFTEN = timedelta(milliseconds=5)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One that keeps what it has acknowledged, as an installation's does."""
    with_fsync = Postgres(fsync=True)
    yield with_fsync.start()
    with_fsync.stop()


@pytest.fixture
def killed_place(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> Iterator[Place]:
    yield from place_on(request, server, tmp_path)


def revive(server: Postgres) -> None:
    server.kill()
    server.start()


def work(tk: Tokenry, ledger: Ledger, name: str, stop: threading.Event) -> None:
    """Issue, rotate and revoke until the server is gone, writing down what was acknowledged."""
    chance, living, number = random.Random(), list[str](), 0
    try:
        while not stop.is_set():
            number += 1
            what = chance.choice(["issue", "rotate", "revoke"]) if len(living) > 2 else "issue"
            if what == "issue":
                ledger.write({"begin": what, "name": f"{name} {number}"})
                issued = tk.keys.issue(owner="u", name=f"{name} {number}")
                living.append(issued.key.id)
                ledger.write({"done": what, "id": issued.key.id, "secret": str(issued.secret)})
                continue
            id = chance.choice(living)
            ledger.write({"begin": what, "id": id})
            if what == "rotate":
                ledger.write({"done": what, "id": id, "secret": str(tk.keys.rotate(id).secret)})
            else:
                tk.keys.revoke(id)
                living.remove(id)
                ledger.write({"done": what, "id": id})
            tk.verify(ledger.secrets[id][-1])
    except StoreUnavailable:
        return


def test_a_killed_server_loses_nothing_that_was_acknowledged(killed_place: Place, server: Postgres) -> None:
    tk = killed_place.open(flush_interval=OFTEN)
    tk.owners.put("u")
    for round_ in range(times(4, 60)):
        ledgers, stop = [Ledger() for _ in range(WORKERS)], threading.Event()
        threads = [
            threading.Thread(target=work, args=(tk, ledger, f"{round_} {n}", stop)) for n, ledger in enumerate(ledgers)
        ]
        for thread in threads:
            thread.start()
        while sum(ledger.done.total() for ledger in ledgers) < 20 + round_:
            time.sleep(0)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.start()
        for ledger in ledgers:
            ledger.check(tk)
        check_whole(killed_place, tk)


def test_verifications_fail_closed_while_the_server_is_gone_and_go_on_when_it_is_back(
    killed_place: Place, server: Postgres
) -> None:
    tk = killed_place.open(flush_interval=OFTEN)
    tk.owners.put("u")
    known, revoked = (tk.keys.issue(owner="u", name=name) for name in ("known", "revoked"))
    tk.keys.revoke(revoked.key.id)
    assert tk.verify(known.secret)
    uses = 1
    for round_ in range(times(2, 20)):
        tk.flush()
        tk.owners.put("u", email=f"{round_}@example.com")  # what was flushed is on disk now
        server.kill()
        for secret in (known.secret, revoked.secret):
            with pytest.raises(StoreUnavailable):
                tk.verify(secret)
        for change in (
            lambda: tk.keys.issue(owner="u", name="new"),
            lambda: tk.keys.revoke(known.key.id),
            lambda: tk.keys.rotate(known.key.id),
            lambda: tk.owners.put("v"),
            lambda: tk.flush(),
            lambda: tk.keys.list(),
        ):
            with pytest.raises(StoreUnavailable):
                change()
        assert tk.verify("tk_live_1" + "x" * 73).code == "malformed"  # needs no database
        server.start()
        back = time.monotonic()
        assert tk.verify(known.secret)
        uses += 1
        assert tk.verify(revoked.secret).code == "revoked"
        tk.owners.put("v", email=f"{uses}@example.com")
        assert time.monotonic() - back < RECOVERY_SECONDS_MAX
    tk.flush()
    assert tk.keys.get(known.key.id).use_count == uses
    assert tk.keys.get(known.key.id).status == "active"


def test_the_asynchronous_face_fails_closed_and_heals_too(killed_place: Place, server: Postgres) -> None:
    async def run() -> None:
        async with AsyncTokenry(killed_place.url, keyring=killed_place.keyring) as tk:
            await tk.owners.put("u")
            issued = await tk.keys.issue(owner="u", name="k")
            assert await tk.verify(issued.secret)
            for _ in range(times(2, 20)):
                server.kill()
                await asyncio.to_thread(until, lambda: not tk._sync._memory.is_trusted())  # nobody can revoke till then
                answers = await asyncio.gather(*[tk.verify(issued.secret) for _ in range(5)], return_exceptions=True)
                assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
                with pytest.raises(StoreUnavailable):
                    await tk.keys.revoke(issued.key.id)
                server.start()
                back = time.monotonic()
                assert all(await asyncio.gather(*[tk.verify(issued.secret) for _ in range(5)]))
                await tk.owners.put("u", email=f"{time.monotonic_ns()}@example.com")
                assert time.monotonic() - back < RECOVERY_SECONDS_MAX

    asyncio.run(run())


def test_counts_and_threads_survive_a_restart_under_load(killed_place: Place, server: Postgres) -> None:
    """Callers see `StoreUnavailable` and nothing else; every success is counted."""
    tk = killed_place.open(flush_interval=OFTEN)
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    stop, answers = threading.Event(), dict[str, list[Any]]()

    def verify(name: str) -> None:
        mine = answers.setdefault(name, [])
        while not stop.is_set():
            try:
                mine.append(tk.verify(issued.secret).code)
            except Exception as error:
                mine.append(type(error))

    threads = [threading.Thread(target=verify, args=(f"t{n}",)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for _ in range(times(2, 10)):
        reached = sum(map(len, answers.values())) + 50
        while sum(map(len, answers.values())) < reached:
            time.sleep(0)
        revive(server)
    reached = {name: len(mine) + 200 for name, mine in answers.items()}
    while any(len(answers[name]) < count for name, count in reached.items()):
        time.sleep(0)
    stop.set()
    for thread in threads:
        thread.join()
    given = [answer for mine in answers.values() for answer in mine]
    assert set(given) <= {"valid", StoreUnavailable}
    assert all(mine[-1] == "valid" for mine in answers.values())


def test_the_head_that_is_kept_outside_is_never_ahead_of_a_killed_server(killed_place: Place, server: Postgres) -> None:
    """Otherwise an honest crash would look like a tail that was cut."""
    tk = killed_place.open()
    for trial in range(times(2, 20)):
        tk.owners.put(f"u{trial}")
        head = tk.audit.head()
        revive(server)
        with closing(psycopg.connect(killed_place.url)) as connection:
            row = connection.execute("SELECT max(position) FROM tokenry_audit_head").fetchone()
        assert row == (head.position,)
        assert tk.audit.check(head=head)


def test_a_frozen_server_is_given_up_in_time_and_never_answered_for(killed_place: Place, server: Postgres) -> None:
    tk = killed_place.open(store_timeout=timedelta(seconds=1))
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    unseen = tk.keys.issue(owner="u", name="unseen")
    assert tk.verify(issued.secret)
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        begun = time.monotonic()
        calls = [lambda: tk.verify(unseen.secret), lambda: tk.keys.list(), lambda: tk.keys.revoke(issued.key.id)]
        answers = at_once(calls)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        assert time.monotonic() - begun < 10
    finally:
        for process in processes:
            process.resume()
    assert tk.verify(issued.secret).code in ("valid", "revoked")  # the revocation may have been on its way
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"


def verified_until_all(tk: Tokenry, secret: object, left: int) -> int:
    """Verify until all that is left was admitted, some of which may come back a second later, and a few times more."""
    admitted = 0

    def is_all() -> bool:
        nonlocal admitted
        admitted += sum(bool(tk.verify(str(secret))) for _ in range(10))
        return admitted >= left

    until(is_all, 20, lambda: f"{admitted} of {left}")
    is_all()
    return admitted


def test_a_killed_server_forgets_no_share_of_a_limit_once_a_later_change_was_acknowledged(
    killed_place: Place, server: Postgres
) -> None:
    """Leases do not wait for the disk, so a power cut can lose those of its last moments and no others."""
    quiet = Settings(background=False)  # nothing is leased ahead behind the later change
    for trial in range(times(2, 20)):
        with Tokenry(killed_place.url, keyring=killed_place.keyring, settings=quiet) as tk:
            tk.owners.put("u")
            issued = tk.keys.issue(owner="u", name=f"k{trial}", limits=[Limit("default", 50, 366 * 86_400)])
            admitted = sum(bool(tk.verify(issued.secret)) for _ in range(30))
            tk.keys.update(issued.key.id, description="on disk, and all that was before it")
            revive(server)
        with Tokenry(killed_place.url, keyring=killed_place.keyring) as other:
            admitted += verified_until_all(other, issued.secret, 50 - admitted)
        assert admitted == 50
