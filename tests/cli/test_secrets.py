"""The keyring by the command line: made, rotated, dropped, and missed."""

import stat
import subprocess
from pathlib import Path

from tests.cli.conftest import Shell

KEYRING = Path("tokenry-data/tokenry.db.keyring")


def issue(run: Shell | Shell, name: str) -> str:
    return run("keys", "issue", "--owner", "user-42", "--name", name).out


def test_a_keyring_is_made_for_its_owner_alone_and_never_over_another(shell: Shell) -> None:
    shell("secrets", "new", "--out", "keyring")
    path = shell.directory / "keyring"
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "exists already" in shell("secrets", "new", "--out", "keyring", code=1).err
    assert path.read_text() == text
    assert "no/keyring" in shell("secrets", "new", "--out", "no/keyring", code=1).err


def test_after_a_rotation_old_and_new_keys_verify(ready: Shell) -> None:
    old = issue(ready, "old")
    ready("secrets", "rotate", "--activate-after", "0s")
    new = issue(ready, "new")
    assert [g["status"] for g in ready("secrets", "list", "--json").json["generations"]] == ["verifies", "signs"]
    for secret in (old, new, old):
        ready("verify", stdin=secret)
    assert stat.S_IMODE((ready.directory / KEYRING).stat().st_mode) == 0o600
    assert ready("audit", "check", "--json").json["ok"]


def test_a_new_generation_signs_only_after_a_while(run: Shell) -> None:
    assert [g["status"] for g in run("secrets", "rotate", "--json").json["generations"]] == ["signs", "next"]


def test_rotations_at_once_lose_no_generation(ready: Shell) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ready.process("secrets", "rotate"), range(4)))
    assert len(ready("secrets", "list", "--json").json["generations"]) == 5


def test_a_generation_is_dropped_when_nothing_needs_it(run: Shell) -> None:
    key_id = run("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json["key"]["id"]
    [first] = [generation["id"] for generation in run("secrets", "list", "--json").json["generations"]]
    assert "signs now" in run("secrets", "rotate", "--drop", first, code=1).err
    run("secrets", "rotate", "--activate-after", "0s")
    assert "still needed" in run("secrets", "rotate", "--drop", first, code=1).err
    assert first in KEYRING.read_text()

    secret = run("keys", "rotate", key_id).out
    run("init", "--new-operator-key", "--json")
    for tenant in ("default", "system"):
        run("audit", "cut", "--before", "0s", "--yes", "--tenant", tenant)
        run("audit", "cut", "--before", "0s", "--yes", "--tenant", tenant)
    run("secrets", "rotate", "--drop", first)
    assert first not in KEYRING.read_text()
    run("verify", stdin=secret)
    assert run("audit", "check", "--json").json["ok"]
    assert "no generation" in run("secrets", "rotate", "--drop", first, code=1).err


def test_a_process_with_the_older_file_does_not_undo_a_drop(run: Shell) -> None:
    yesterday = KEYRING.read_text()
    run("secrets", "rotate", "--activate-after", "0s")
    run("init", "--new-operator-key", "--json")
    for tenant in ("default", "system"):
        run("audit", "cut", "--before", "0s", "--yes", "--tenant", tenant)
        run("audit", "cut", "--before", "0s", "--yes", "--tenant", tenant)
    both = KEYRING.read_text()
    run("secrets", "rotate", "--drop", yesterday.split()[2])
    today = KEYRING.read_text()
    KEYRING.write_text(both)
    run("keys", "list")
    KEYRING.write_text(today)
    run("keys", "list")


def test_another_keyring_is_refused_with_a_clear_message(ready: Shell) -> None:
    ready("secrets", "new", "--out", "other")
    answer = ready("keys", "list", "--keyring", "other", code=1)
    assert "not the keyring that the database was made with" in answer.err
    before = subprocess.run(["sha256sum", "other"], cwd=ready.directory, capture_output=True, check=True).stdout
    ready("secrets", "rotate", "--keyring", "other", code=1)
    assert subprocess.run(["sha256sum", "other"], cwd=ready.directory, capture_output=True, check=True).stdout == before
    ready("keys", "list")


def test_a_missing_keyring_is_never_made_anew(ready: Shell) -> None:
    path = ready.directory / KEYRING
    path.rename(path.with_name("kept"))
    assert "put it back" in ready("keys", "list", code=1).err
    assert "put it back" in ready("init", code=1).err
    assert not path.exists()
    path.with_name("kept").rename(path)
    ready("keys", "list")


def test_a_keyring_that_is_a_link_stays_one(run: Shell) -> None:
    real = KEYRING.rename(KEYRING.with_name("real")).absolute()
    KEYRING.symlink_to(real)
    run("secrets", "rotate")
    assert KEYRING.is_symlink()
    assert len(real.read_text().splitlines()) == 3


def test_a_keyring_given_as_text_is_rotated_elsewhere(ready: Shell) -> None:
    text = (ready.directory / KEYRING).read_text()
    assert "given as text" in ready("secrets", "rotate", TOKENRY_KEYRING=text, code=1).err
    ready("keys", "list", TOKENRY_KEYRING=text.replace("\n", ";"))
