"""Counts are exact after a clean end, whoever counted, and nothing is written on the way of a verification."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

from tests.processes.crew import ROOT, together
from tests.processes.places import Place
from tokenry import Tokenry

THREADS, TIMES = 8, 250
HOUR = timedelta(hours=1)


def issue(tk: Tokenry, count: int) -> list[str]:
    tk.owners.put("u")
    return [str(tk.keys.issue(owner="u", name=f"k{n}").secret) for n in range(count)]


def uses(tk: Tokenry) -> dict[str, int]:
    return {key.name: key.use_count for key in tk.keys.list(limit=100).items}


def hours(tk: Tokenry, code: str = "valid") -> int:
    keys = tk.keys.list(limit=100).items
    return sum(hour.count for key in keys for hour in tk.usage.get(key.id) if hour.code == code)


def test_eight_threads_in_each_of_two_processes_are_counted_exactly(place: Place) -> None:
    tk = place.open()
    secrets = issue(tk, 8)
    members = place.members(2, flush_interval=0.01)  # flushes in the middle of it
    answers = together(members, "verify_often", secrets, TIMES, THREADS)
    assert answers == [{"valid": TIMES * THREADS}] * 2
    together(members, "close")
    assert sum(uses(tk).values()) == hours(tk) == 2 * TIMES * THREADS


def test_a_flush_is_exact_too(place: Place) -> None:
    tk = place.open()
    secrets = issue(tk, 3)
    members = place.members(2)
    together(members, "verify_often", secrets, TIMES, THREADS)
    together(members, "flush")
    assert sum(uses(tk).values()) == hours(tk) == 2 * TIMES * THREADS


def test_processes_that_flush_many_keys_at_once_lose_nothing(place: Place) -> None:
    """They take the same rows, in whatever order they counted them."""
    tk = place.open()
    secrets = issue(tk, 30)
    members = place.members(2, flush_interval=3600)
    for _ in range(20):
        members[0].begin("verify_often", secrets, 30, 1)
        members[1].begin("verify_often", secrets[::-1], 30, 1)
        assert [member.answer() for member in members] == [{"valid": 30}] * 2
        together(members, "flush")
    assert set(uses(tk).values()) == {40}


def test_a_key_is_used_for_the_first_time_once(place: Place) -> None:
    tk = place.open()
    members = place.members(2, flush_interval=3600)
    for secret in issue(tk, 20):
        together(members, "verify", secret)
        together(members, "flush")
    assert len(tk.events.list(types=["key.first_used"], limit=100)) == 20


def test_a_script_that_just_ends_has_counted(place: Place, tmp_path: Path) -> None:
    tk = place.open()
    (secret,) = issue(tk, 1)
    script = (
        "import sys; from tokenry import Tokenry; url, keyring, secret = sys.argv[1:]\n"
        "tk = Tokenry(url, keyring=keyring or None)\n"
        "for _ in range(7): assert tk.verify(secret)\n"
        "assert not tk.verify(secret, scopes=['read:a'])\n"
    )
    command = [sys.executable, "-c", script, place.url, place.keyring or "", secret]
    subprocess.run(command, check=True, cwd=ROOT)
    assert uses(tk) == {"k0": 7}
    assert hours(tk, "insufficient_scope") == 1


def test_what_cannot_be_told_about_a_tenant_that_is_gone_loses_no_counts(place: Place) -> None:
    tk, other = place.open(), place.open()
    (secret,) = issue(tk, 1)
    tk.tenants.create("gone")
    tk.owners.put("u", tenant="gone")
    issued = tk.keys.issue(owner="u", name="k", tenant="gone")
    tk.keys.revoke(issued.key.id, tenant="gone")
    assert other.verify(issued.secret).code == "revoked"
    tk.tenants.suspend("gone")
    tk.owners.delete("u", tenant="gone")
    tk.tenants.delete("gone")
    assert other.verify(secret)
    other.close()
    assert uses(tk) == {"k0": 1}


def test_a_key_that_is_deleted_before_its_counts_are_written_loses_no_others(place: Place) -> None:
    tk, other = place.open(), place.open(flush_interval=HOUR)
    gone, stays = issue(tk, 2)
    assert other.verify(gone)
    assert other.verify(stays)
    tk.keys.delete(tk.keys.find(gone).id)
    other.close()
    assert uses(tk) == {"k1": 1}


def test_without_background_counts_arrive_from_inside_calls_and_no_thread_runs(place: Place) -> None:
    tk = place.open()
    (secret,) = issue(tk, 1)
    before = set(threading.enumerate())
    quiet = place.open(background=False, flush_interval=timedelta(microseconds=1))
    for _ in range(50):
        assert quiet.verify(secret)
    assert set(threading.enumerate()) - before == set()
    assert uses(tk)["k0"] >= 49  # the last one is written by the next call
    assert quiet.verify(secret)
    quiet.close()
    assert uses(tk)["k0"] == 51


def test_without_background_another_processs_threads_are_counted_exactly(place: Place) -> None:
    tk = place.open()
    secrets = issue(tk, 4)
    members = place.members(2, background=False, flush_interval=0.001)
    answers = together(members, "verify_often", secrets, TIMES, THREADS)
    assert answers == [{"valid": TIMES * THREADS}] * 2
    assert together(members, "threads") == [["MainThread"]] * 2
    together(members, "close")
    assert sum(uses(tk).values()) == 2 * TIMES * THREADS


def test_one_daemon_thread_runs_and_only_from_the_first_use_on(file_place: Place) -> None:
    (member,) = file_place.members(1)
    assert member.ask("threads") == ["MainThread"]
    member.ask("call", "owners", "put", "u")
    assert member.ask("threads") == ["MainThread", "tokenry-worker"]


def test_last_use_never_moves_backwards(place: Place) -> None:
    tk = place.open()
    (secret,) = issue(tk, 1)
    members = place.members(2, flush_interval=3600)
    members[0].ask("verify", secret, ip="10.0.0.1")
    members[1].ask("verify", secret, ip="10.0.0.2")
    members[1].ask("flush")
    members[0].ask("flush")
    key = tk.keys.find(secret)
    assert (key.last_used_ip, key.use_count) == ("10.0.0.2", 2)
