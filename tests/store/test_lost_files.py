"""A file of SQLite that is removed, replaced, moved or cut under running processes: nothing is promised on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from tokenry import ConfigError, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file

QUIET = Settings(background=False, flush_interval=timedelta(hours=1))
Spoil = Callable[[Path], object]


def removed(*ends: str) -> Spoil:
    return lambda path: [os.remove(str(path) + end) for end in ends]


def replaced(*ends: str) -> Spoil:
    def spoil(path: Path) -> None:
        for end in ends:
            shutil.copyfile(str(path) + end, str(path) + ".copy")
            os.replace(str(path) + ".copy", str(path) + end)

    return spoil


def moved(path: Path) -> None:
    os.rename(path.parent, path.parent.with_name("elsewhere"))


def linked(*ends: str) -> Spoil:
    """Move files elsewhere and leave links to them: SQLite puts the log of who opens a link beside what it means."""

    def spoil(path: Path) -> None:
        for end in ends:
            os.rename(str(path) + end, f"{path.parent}/moved.db{end}")
            os.symlink(f"{path.parent}/moved.db{end}", str(path) + end)

    return spoil


def cut(path: Path) -> None:
    os.truncate(str(path) + "-wal", 0)


SPOILS: dict[str, Spoil] = {
    "wal removed": removed("-wal"),
    "shm removed": removed("-shm"),
    "both removed": removed("-wal", "-shm"),
    "wal replaced": replaced("-wal"),
    "shm replaced": replaced("-shm"),
    "wal cut": cut,
    "file removed": removed(""),
    "file replaced": replaced(""),
    "backup put in place": replaced("", "-wal", "-shm"),
    "file moved behind a link": linked(""),
    "files moved behind links": linked("", "-wal", "-shm"),
    "directory moved": moved,
    "lock removed": removed(".lock"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory / "keys.db"


def opened(path: Path, how: str) -> Tokenry:
    if how == "engine":
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode = WAL"))
        keyring = path.parent.parent / "keyring"
        if not keyring.exists():
            write_keyring_file(keyring, fresh_keyring())
        tk = Tokenry(engine=engine, keyring=keyring, settings=QUIET)
        tk.migrate()
        return tk
    settings = Settings(background=False, flush_interval=timedelta(hours=1), exclusive=how == "exclusive")
    return Tokenry(f"sqlite:///{path}", settings=settings)


@pytest.mark.parametrize("how", ["shared", "exclusive", "engine"])
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_every_change_is_refused_and_says_why(path: Path, spoil: Spoil, how: str) -> None:
    tk = opened(path, how)
    tk.owners.put("ada")
    issued = tk.keys.issue("ada", name="k")
    assert tk.verify(issued.secret)
    spoil(path)
    for change in (lambda: tk.keys.revoke(issued.key.id), lambda: tk.owners.put("bob"), lambda: tk.keys.list()):
        with pytest.raises(StoreUnavailable, match="while the database is in use; nothing was changed"):
            change()
    tk.close()


@pytest.mark.parametrize("how", ["shared", "engine"])
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_memory_is_not_believed_any_more(path: Path, spoil: Spoil, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenry.store.place._LOOK_EVERY", 0.0)
    tk = opened(path, how)
    tk.owners.put("ada")
    secret = tk.keys.issue("ada", name="k").secret
    assert tk.verify(secret)
    spoil(path)
    with pytest.raises(StoreUnavailable, match="while the database is in use"):
        tk.verify(secret)
    tk.close()


def test_a_process_that_is_alone_looks_beside_its_calls(path: Path) -> None:
    tk = opened(path, "exclusive")
    tk.owners.put("ada")
    secret = tk.keys.issue("ada", name="k").secret
    assert tk.verify(secret)
    removed("-wal", "-shm")(path)
    tk._ticked_at -= 3601
    with pytest.raises(StoreUnavailable, match="while the database is in use"):
        tk.verify(secret)
    tk.close()


def test_files_that_are_put_back_are_used_again(path: Path) -> None:
    with opened(path, "shared") as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k")
        moved(path)
        with pytest.raises(StoreUnavailable):
            tk.keys.revoke(issued.key.id)
        os.rename(path.parent.with_name("elsewhere"), path.parent)
        tk.keys.revoke(issued.key.id)
        assert tk.verify(issued.secret).code == "revoked"


OTHER = """
import sys
from tokenry import Tokenry
tk = Tokenry(sys.argv[1])
{}
print("done", flush=True)
sys.stdin.readline()
tk.close()
"""


def other(path: Path, code: str) -> Any:
    command = [sys.executable, "-c", OTHER.format(code), f"sqlite:///{path}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    return process


@pytest.mark.parametrize("ends", [("-wal", "-shm"), ("-shm",)], ids=["wal and shm", "shm"])
def test_a_revocation_by_a_newcomer_holds_for_all_and_survives_the_end_of_the_others(
    path: Path, ends: tuple[str, ...]
) -> None:
    """The others end after the newcomer. They leave its files alone, which have the names of theirs."""
    tk = opened(path, "shared")
    tk.owners.put("ada")
    issued = tk.keys.issue("ada", name="k")
    assert tk.verify(issued.secret)
    tk.close()
    tk = opened(path, "shared")
    assert tk.verify(issued.secret)
    tk.owners.put("eve")
    removed(*ends)(path)
    newcomer = other(path, f"tk.keys.revoke({issued.key.id!r})")
    with pytest.raises(StoreUnavailable, match="while the database is in use"):
        tk.verify(issued.secret)
    with pytest.raises(StoreUnavailable, match="while the database is in use"):
        tk.keys.get(issued.key.id)
    newcomer.kill()
    newcomer.communicate()
    with pytest.raises(StoreUnavailable):
        opened(path, "shared")
    tk.close()
    with pytest.raises(StoreUnavailable, match="end it and start again"):
        opened(path, "shared")
    check = other(path, f"assert tk.verify({str(issued.secret)!r}).code == 'revoked'")
    assert check.communicate("\n")[0] == ""
    assert check.returncode == 0


def test_a_log_that_was_removed_is_saved_by_a_clean_end(path: Path) -> None:
    """While no other file has its name, what was acknowledged before is still in it."""
    tk = opened(path, "shared")
    tk.owners.put("ada")
    issued = tk.keys.issue("ada", name="k")
    tk.keys.revoke(issued.key.id)
    removed("-wal", "-shm")(path)
    tk.close()
    with opened(path, "shared") as again:
        assert again.verify(issued.secret).code == "revoked"


def test_nobody_starts_on_a_log_that_was_removed_alone(path: Path) -> None:
    """Its index still says how long it was: what is written to another one would be lost with the next start."""
    with opened(path, "shared") as tk:
        tk.owners.put("ada")
        removed("-wal")(path)
        code = "import sys; from tokenry import Tokenry; Tokenry(sys.argv[1]).owners.put('bob')"
        command = [sys.executable, "-c", code, f"sqlite:///{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "StoreUnavailable" in done.stderr


@pytest.mark.parametrize("how", ["shared", "engine"])
def test_checkpoints_vacuums_and_restarts_of_others_are_no_loss(path: Path, how: str) -> None:
    with opened(path, how) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k")
        script = (
            "import sqlite3, sys\n"
            "for sql in ('PRAGMA wal_checkpoint(TRUNCATE)', 'VACUUM', 'PRAGMA wal_checkpoint(RESTART)'):\n"
            "    c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute(sql).fetchall(); c.close()"
        )
        for _ in range(3):
            subprocess.run([sys.executable, "-c", script, str(path)], check=True)
            assert tk.verify(issued.secret)
            tk.owners.put("ada", name="Ada")


def test_a_fork_closes_the_files_and_opens_them_again(path: Path) -> None:
    with opened(path, "shared") as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k")
        child = os.fork()
        if child == 0:
            os._exit(0 if tk.verify(issued.secret) and tk.owners.put("child") else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert tk.keys.revoke(issued.key.id).status == "revoked"
        assert tk.verify(issued.secret).code == "revoked"


@pytest.mark.parametrize("how", ["shared", "exclusive", "engine"])
def test_nobody_starts_on_a_file_with_two_names(path: Path, how: str) -> None:
    tk = opened(path, "shared")
    tk.owners.put("ada")
    tk.close()
    other = path.with_name("other.db")
    os.link(path, other)
    for name in (path, other):
        with pytest.raises(ConfigError, match=r"has 2 names \(hard links\)"):
            opened(name, how)
    assert not list(path.parent.glob("other.db?*"))
    os.remove(other)
    tk = opened(path, "shared")
    assert tk.owners.get("ada")
    tk.close()
