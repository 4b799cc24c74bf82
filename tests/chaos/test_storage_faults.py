"""The disk is full or read-only: changes are refused clearly, verification goes on, and it heals by itself."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.crew import ROOT
from tests.processes.places import Place
from tokenry import StoreUnavailable, Tokenry

pytestmark = pytest.mark.chaos

DISK_FULL = """
import resource, signal, sys
from datetime import timedelta
from tokenry import Settings, StoreUnavailable, Tokenry

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
UNLIMITED = resource.getrlimit(resource.RLIMIT_FSIZE)


def disk(*, full):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, UNLIMITED[1]) if full else UNLIMITED)


def refused(change):
    try:
        change()
    except StoreUnavailable:
        return
    raise AssertionError("was not refused")


settings = Settings(exclusive=sys.argv[2] == "alone", background=sys.argv[3] == "background",
                    flush_interval=timedelta(milliseconds=1))
tk = Tokenry(sys.argv[1], settings=settings)
tk.owners.put("u")
warm, cold, revoked = (tk.keys.issue(owner="u", name=name) for name in ("warm", "cold", "revoked"))
tk.keys.revoke(revoked.key.id)
assert tk.verify(warm.secret)
for round_ in range(int(sys.argv[4])):
    cold = tk.keys.issue(owner="u", name=f"cold {round_}")
    disk(full=True)
    for _ in range(100):
        assert tk.verify(warm.secret)
    assert tk.verify(cold.secret)
    assert tk.verify(revoked.secret).code == "revoked"
    refused(lambda: tk.keys.issue(owner="u", name="new"))
    refused(lambda: tk.keys.rotate(warm.key.id))
    refused(lambda: tk.keys.revoke(warm.key.id))
    refused(lambda: tk.owners.put("v"))
    refused(lambda: tk.flush())
    assert tk.verify(warm.secret) and tk.verify(cold.secret)
    assert tk.keys.get(warm.key.id).status == "active"
    disk(full=False)
    issued = tk.keys.issue(owner="u", name=f"new {round_}")
    assert tk.verify(issued.secret)
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"
tk.flush()
assert tk.keys.get(warm.key.id).use_count == 1 + 101 * int(sys.argv[4])
assert tk.audit.check(), tk.audit.check().problems
disk(full=True)
assert tk.verify(warm.secret)
tk.close()   # warns, and does not raise
disk(full=False)
with Tokenry(sys.argv[1]) as again:
    assert again.verify(warm.secret)
    assert again.audit.check()
print("healed")
"""


@pytest.mark.parametrize("mode", ["alone", "shared"])
@pytest.mark.parametrize("background", ["background", "inline"])
def test_a_full_disk_stops_changes_and_no_verification(tmp_path: Path, mode: str, background: str) -> None:
    command = [sys.executable, "-c", DISK_FULL, f"sqlite:///{tmp_path}/keys.db", mode, background, "3"]
    done = subprocess.run(command, cwd=ROOT, timeout=60, capture_output=True, check=False)
    assert done.stdout == b"healed\n", done.stderr.decode()


def read_only(tk: Tokenry, on: bool) -> None:
    """Make every write fail as on a file system that the kernel has made read-only."""
    raw = tk._database._write_with.raw  # type: ignore[union-attr]
    raw.execute(f"PRAGMA query_only = {'ON' if on else 'OFF'}")


def test_a_file_system_that_turns_read_only_stops_changes_and_no_verification(file_place: Place) -> None:
    tk = file_place.open()
    tk.owners.put("u")
    warm, cold = (tk.keys.issue(owner="u", name=name) for name in ("warm", "cold"))
    assert tk.verify(warm.secret)
    read_only(tk, True)
    for change in (
        lambda: tk.keys.issue(owner="u", name="new"),
        lambda: tk.keys.revoke(warm.key.id),
        lambda: tk.flush(),
    ):
        with pytest.raises(StoreUnavailable):
            change()
    assert tk.verify(warm.secret)
    assert tk.verify(cold.secret)
    read_only(tk, False)
    tk.keys.revoke(warm.key.id)
    assert tk.verify(warm.secret).code == "revoked"
    tk.flush()
    assert tk.keys.get(warm.key.id).use_count == 2


NOT_OURS = """
import os, sys
from tokenry import ConfigError, StoreUnavailable, Tokenry
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
try:
    Tokenry(sys.argv[1])
except (ConfigError, StoreUnavailable) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("what", ["directory", "files"])
def test_a_place_that_may_not_be_written_is_refused_at_the_start_by_name(file_place: Place, what: str) -> None:
    with Tokenry(file_place.url) as tk:
        tk.owners.put("u")
    file_place.directory.chmod(0o555 if what == "directory" else 0o777)
    for file in file_place.directory.iterdir():
        if what == "directory" and file.suffix in (".lock", ".write", ".turn"):
            file.unlink()
        else:
            file.chmod(0o444)
    nobody = pwd.getpwnam("nobody").pw_uid
    command = [sys.executable, "-c", NOT_OURS, file_place.url, str(nobody)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd="/", env=environment, timeout=60, stdout=subprocess.PIPE, text=True, check=False)
    file_place.directory.chmod(0o700)
    assert done.stdout.startswith("ConfigError"), done.stdout
    assert str(file_place.directory) in done.stdout
