"""Many that start at once on one new file make one keyring, one set of tables, and can all work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tokenry import Settings, Tokenry
from tokenry.config import read_keyring_file

TOGETHER = 4
TRIALS = 50 if os.environ.get("TOKENRY_CHAOS") else 3
START = """
import sys
from tokenry import Tokenry, Settings
print("ready", flush=True)
sys.stdin.readline()
with Tokenry(sys.argv[1], settings=Settings(background=False)) as tk:
    tk.owners.put(sys.argv[2])
    issued = tk.keys.issue(sys.argv[2], name="k")
    assert tk.verify(issued.secret)
    print(issued.secret, flush=True)
"""


@pytest.mark.parametrize("trial", range(TRIALS))
def test_processes_that_start_at_once_make_one_keyring(tmp_path: Path, trial: int) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    command = [sys.executable, "-c", START, url]
    processes = [
        subprocess.Popen([*command, f"o{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(TOGETHER)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    secrets = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * TOGETHER
    whole(url, tmp_path, secrets)


def whole(url: str, directory: Path, secrets: list[str]) -> None:
    """Check that one keyring was made and that it verifies what everybody issued."""
    assert len(read_keyring_file(directory / "keys.db.keyring").generations) == 1
    beside = {path.name.partition(".keyring.")[2] for path in directory.iterdir() if ".keyring." in path.name}
    assert beside <= {"heads", "journal"}
    with Tokenry(url, settings=Settings(background=False)) as tk:
        assert all(tk.verify(secret) for secret in secrets)
        assert len(tk.owners.list()) == TOGETHER
        assert [tenant.slug for tenant in tk.tenants.list()] == ["default", "system"]
        assert tk.audit.check()


@pytest.mark.parametrize("trial", range(TRIALS))
def test_threads_that_start_at_once_make_one_keyring(tmp_path: Path, trial: int) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    barrier = threading.Barrier(TOGETHER)
    secrets: list[str] = []
    failures: list[Any] = []

    def start(number: int) -> None:
        barrier.wait()
        try:
            with Tokenry(url, settings=Settings(background=False)) as tk:
                tk.owners.put(f"o{number}")
                secrets.append(str(tk.keys.issue(f"o{number}", name="k").secret))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(secrets) == TOGETHER
    whole(url, tmp_path, secrets)
