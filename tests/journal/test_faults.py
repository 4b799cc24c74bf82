"""Crashes, full disks and restores under a running process cost the journal nothing that was acknowledged."""

import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journal.conftest import Backups
from tests.processes.places import Place
from tests.servers.waiting import until
from tokenry import StoreUnavailable, Tokenry
from tokenry.runtime import journal as journal_module
from tokenry.testing import FakeClock

AT_ONCE = timedelta(microseconds=1)
STEPS = ("open", "write", "fdatasync", "fsync", "ftruncate", "replace")


def revoke_and_die(backups: Backups, key_id: str, step: int) -> bool:
    """Revoke in a child that dies before its `step`th call of the system on the journal; return whether it told us."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            with backups.open() as tk:
                left = [step]
                for name in STEPS:
                    setattr(journal_module.os, name, _dying(getattr(os, name), left))
                tk.keys.revoke(key_id)
                left[0] = -1
                os.write(write, b"done")
        finally:
            os._exit(1)
    os.close(write)
    is_acknowledged = os.read(read, 10) == b"done"
    os.close(read)
    os.waitpid(child, 0)
    return is_acknowledged


def _dying(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)

    return wrapped


def test_a_process_killed_at_any_step_keeps_what_it_acknowledged(
    backups: Backups, caplog: pytest.LogCaptureFixture
) -> None:
    with backups.open() as tk:
        tk.owners.put("ada")
        issued = [tk.keys.issue("ada", name=f"key {number}") for number in range(12)]
    backups.take()
    acknowledged = []
    for step, one in enumerate(issued, 1):
        acknowledged.append(revoke_and_die(backups, one.key.id, step))
        with backups.open() as tk:
            assert tk.verify(one.secret).code == "revoked" or not acknowledged[-1]
            if step % 3 == 0:  # a repeat acknowledges what the first call could not
                tk.keys.revoke(one.key.id)
                acknowledged[-1] = True
    assert True in acknowledged
    assert acknowledged[0] is False
    assert "behind" not in caplog.text, "a crash is no restore"
    backups.restore()
    with backups.open() as tk:
        for one, was_acknowledged in zip(issued, acknowledged, strict=True):
            assert not was_acknowledged or tk.verify(one.secret).code == "revoked"


def test_a_journal_that_cannot_be_written_stops_no_revocation_and_catches_up(
    file_place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    backups = Backups(file_place)
    folder = file_place.directory / "journals"
    named = {"journal": str(folder / "journal"), "flush_interval": AT_ONCE}
    with backups.open(**named) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a")
    backups.take()
    caplog.clear()
    with backups.open(**named) as tk:
        tk.keys.revoke(issued.key.id)
        assert tk.verify(issued.secret).code == "revoked"
        assert caplog.text.count("cannot be written: No such file") == 1
        folder.mkdir()
        tk.verify(issued.secret)
        assert "can be used again" in caplog.text
    backups.restore()
    with backups.open(**named) as tk:
        assert tk.verify(issued.secret).code == "revoked"


def test_a_disk_that_is_full_for_the_journal_stops_no_revocation(postgres_place: Place) -> None:
    backups = Backups(postgres_place)
    with backups.open() as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a")
    backups.take()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
            with backups.open(flush_interval=AT_ONCE) as tk:
                size = backups.journal.stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, unlimited[1]))
                tk.keys.revoke(issued.key.id)
                refused = tk.verify(issued.secret).code == "revoked" and backups.journal.stat().st_size == size
                resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
                tk.verify(issued.secret)
                code = 0 if refused and backups.journal.stat().st_size > size else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    backups.restore()
    with backups.open() as tk:
        assert tk.verify(issued.secret).code == "revoked"


def test_a_journal_that_is_gone_begins_anew_with_the_events_that_are_left(
    backups: Backups, caplog: pytest.LogCaptureFixture
) -> None:
    with backups.open() as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a")
    backups.take()
    with backups.open() as tk:
        tk.keys.revoke(issued.key.id)
    backups.journal.unlink()
    with backups.open():
        pass
    assert "was gone: a new one begins" in caplog.text
    backups.restore()
    with backups.open() as tk:
        assert tk.verify(issued.secret).code == "revoked"


def restore_under(place: Place, backups: Backups) -> None:
    """Put a backup back through an ordinary transaction, as `sqlite3 keys.db ".restore …"` does."""
    with (
        closing(sqlite3.connect(backups.copies / "keys.db")) as source,
        closing(sqlite3.connect(place.directory / "keys.db")) as target,
    ):
        source.backup(target)


def revoked_after_a_backup(backups: Backups, **settings: object) -> tuple[Tokenry, Any]:
    with backups.open() as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a")
    backups.take()
    tk = backups.open(flush_interval=AT_ONCE, **settings)
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"
    return tk, issued


def test_a_running_process_notices_that_its_database_was_restored(file_place: Place) -> None:
    backups = Backups(file_place)
    tk, issued = revoked_after_a_backup(backups)
    with tk:
        restore_under(file_place, backups)
        assert tk.verify(issued.secret).code == "revoked"


def answers(tk: Tokenry) -> bool:
    try:
        tk.verify("")
        tk.keys.list(limit=1)
    except StoreUnavailable:
        return False
    return True


def test_a_running_process_that_waits_refuses_everything_until_the_replay(file_place: Place) -> None:
    backups = Backups(file_place)
    tk, issued = revoked_after_a_backup(backups, journal_on_restore="wait")
    with tk:
        restore_under(file_place, backups)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="replay-journal"):
                tk.verify(issued.secret)
        with pytest.raises(StoreUnavailable, match="replay-journal"):
            tk.keys.list()
        assert len(backups.installation().replay_journal()) == 1
        until(lambda: answers(tk))  # a tick that failed is tried again a little later
        assert tk.verify(issued.secret).code == "revoked"
        assert tk.keys.list()


def test_what_was_written_inside_a_transaction_of_the_host_is_in_the_journal_after_its_commit(
    file_place: Place,
) -> None:
    backups = Backups(file_place)
    with backups.open() as tk:
        tk.owners.put("ada")
        kept, issued = (tk.keys.issue("ada", name=name) for name in "ab")
    backups.take()
    engine = file_place.engine()
    with backups.open() as tk:
        with engine.connect() as connection:
            with tk.using(connection) as joined:
                joined.keys.revoke(kept.key.id)
                connection.rollback()
            with tk.using(connection) as joined:
                joined.keys.revoke(issued.key.id)
                connection.commit()
            joined.settle()
        assert kept.key.id not in backups.journal.read_text()
        assert issued.key.id in backups.journal.read_text()


def test_the_journal_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 2000)
    clock = FakeClock()
    sizes = []
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", clock=clock) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a", expires_in=timedelta(days=3000))
        for _ in range(40):
            for _ in range(3):
                tk.keys.disable(issued.key.id)
                tk.keys.enable(issued.key.id)
            tk.keys.revoke(tk.keys.issue("ada", name="b").key.id)
            clock.advance(timedelta(days=30))
            tk._upkeep()
            sizes.append((tmp_path / "keys.db.keyring.journal").stat().st_size)
        assert max(sizes) < 12_000, "records of 400 days, twice, and 2,000 bytes; all of them would be 50,000"
        assert tk.verify(issued.secret)
