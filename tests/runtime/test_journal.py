"""The journal's file: whole after a crash, shared by threads and processes, clear about what it cannot do."""

import os
import threading
from pathlib import Path

import pytest

from tokenry.core.revocations import Revocation
from tokenry.runtime import journal as journal_module
from tokenry.runtime.journal import Journal, JournalError


def record(number: int) -> Revocation:
    return Revocation(f"evt_{number}", "key.revoked", "ten_1", f"key_{number}", number)


def ids(journal: Journal, after: str | None = None) -> list[str]:
    return [one.id for one in journal.read(after).records]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "keyring.journal", lambda: 7)


def test_what_is_appended_is_read_in_order_and_from_a_place(journal: Journal) -> None:
    assert journal.head() is None
    assert ids(journal) == []
    journal.append([record(1), record(2)])
    journal.append([record(3)])
    head = journal.head()
    assert head is not None
    assert head.since == 7
    assert ids(journal) == ["evt_1", "evt_2", "evt_3"]
    assert ids(journal, "evt_2") == ["evt_3"]
    assert ids(journal, "evt_3") == []
    assert ids(journal, "evt_unknown") == ["evt_1", "evt_2", "evt_3"]
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_a_place_far_from_the_end_is_found(journal: Journal) -> None:
    journal.append([record(number) for number in range(3000)])
    assert ids(journal, "evt_9") == [f"evt_{number}" for number in range(10, 3000)]


def test_a_line_torn_at_any_byte_is_cut_and_harms_no_other(journal: Journal) -> None:
    journal.append([record(1)])
    whole = journal.path.read_bytes()
    journal.append([record(2)])
    raw = journal.path.read_bytes()
    for length in range(len(whole), len(raw)):
        journal.path.write_bytes(raw[:length])
        assert ids(journal) == ["evt_1"]
        journal.append([record(3)])
        assert ids(journal) == ["evt_1", "evt_3"]
        assert journal.read().damaged == 0


def test_a_file_torn_within_its_first_line_begins_anew(journal: Journal) -> None:
    journal.append([])
    journal.path.write_bytes(journal.path.read_bytes()[:9])
    assert journal.head() is None
    journal.append([record(1)])
    assert ids(journal) == ["evt_1"]
    assert journal.head() is not None


def test_damaged_lines_are_counted_and_the_others_read(journal: Journal) -> None:
    journal.append([record(1), record(2), record(3)])
    journal.path.write_bytes(journal.path.read_bytes().replace(b"key_2", b"key_9"))
    contents = journal.read()
    assert [one.id for one in contents.records] == ["evt_1", "evt_3"]
    assert contents.damaged == 1


def test_threads_lose_nothing_and_share_syncs(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs, real = [], os.fdatasync

    def counted(file: int) -> None:
        syncs.append(file)
        real(file)

    monkeypatch.setattr(os, "fdatasync", counted)
    barrier = threading.Barrier(16)

    def work(number: int) -> None:
        barrier.wait()
        for step in range(20):
            journal.append([record(number * 1000 + step)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids(journal)) == sorted(f"evt_{n * 1000 + s}" for n in range(16) for s in range(20))
    assert len(syncs) <= 320


def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the syncs of a file from now on."""
    found, real = [], os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (found.append(file), real(file)))
    return found


def test_a_record_is_synced_also_when_the_file_was_longer_before(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([record(number) for number in range(100)])
    head = journal.path.read_bytes().partition(b"\n")[0] + b"\n"
    journal.path.write_bytes(head)  # as when a compaction gets the inode of a file that was removed before
    syncs = synced(monkeypatch)
    journal.append([record(1)])
    assert len(syncs) == 1


def test_a_compaction_that_fails_leaves_nothing_behind(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 0)
    journal.append([record(number) for number in range(100)])
    before = journal.path.read_bytes()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for _ in range(3):
            with pytest.raises(JournalError, match="No space left"):
                journal.compact(lambda records: records[-1:], 0)
    assert [path.name for path in journal.path.parent.iterdir()] == [journal.path.name]
    assert journal.path.read_bytes() == before
    journal.path.with_name(journal.path.name + ".new").write_bytes(b"of a process that was killed")
    assert journal.compact(lambda records: records[-1:], 0)
    assert ids(journal) == ["evt_99"]
    assert [path.name for path in journal.path.parent.iterdir()] == [journal.path.name]


def test_a_file_that_others_can_write_is_refused(journal: Journal) -> None:
    journal.append([record(1)])
    journal.path.chmod(0o666)
    with pytest.raises(JournalError, match="chmod 600"):
        journal.read()
    with pytest.raises(JournalError, match="chmod 600"):
        journal.append([record(2)])


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        Journal(tmp_path / "none" / "journal", lambda: 0).append([record(1)])


def test_processes_that_append_while_others_compact_lose_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 500)
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                journal.forget()
                for step in range(60):
                    journal.append([record(number * 100 + step)])
                    journal.compact(lambda records: records, 0)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert sorted(ids(journal)) == sorted(f"evt_{n * 100 + s}" for n in range(4) for s in range(60))
    head = journal.head()
    assert head is not None
    assert head.size > 0, "it was compacted"
    assert [path.name for path in journal.path.parent.iterdir()] == [journal.path.name]
