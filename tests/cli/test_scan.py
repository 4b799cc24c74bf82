"""Keys are found where none should be, shown without what is secret of them, and nothing else is taken for one."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tokenry.types import SCAN_PATTERN

KEY = "tk_live_1X87hp9dB3jYCEewWZCzLmTodfPLX4OZOFTWC93Ta85KHotFbEZZP14m37ASYbSoDOUl0QJbI0"
SHOWN = "tk_live_1X87hp9dB3jYCEewW…"


@pytest.mark.parametrize(
    "text", [f"\nkey={KEY}\n", f'\n{{"a":"\\n{KEY}"}}', f"\nhttps://x/?k={KEY}&b=1", f"\nX{KEY}", f"\n;{KEY};{KEY}x"]
)
def test_a_key_is_found_and_shown_without_its_secret(shell: Shell, text: str) -> None:
    (shell.directory / "a.txt").write_text(text)
    answer = shell("scan", "a.txt", code=3)
    assert answer.out == f"a.txt:2: {SHOWN}\n"
    assert KEY[26:] not in answer.out + answer.err
    found = shell("scan", "a.txt", "--json", code=3).json["found"]
    assert found == [{"path": "a.txt", "line": 2, "kid": "X87hp9dB3jYCEewW", "redacted": SHOWN}]


@pytest.mark.parametrize("text", [KEY[:-1] + "1", KEY[:-1], KEY + "0", KEY.upper(), KEY.replace("_1", "_2"), "plain"])
def test_what_only_looks_like_a_key_is_not_reported(shell: Shell, text: str) -> None:
    (shell.directory / "a.txt").write_text(text)
    assert shell("scan", ".").out == ""


def test_what_cannot_be_looked_at_is_passed_over_or_named(shell: Shell) -> None:
    here = shell.directory
    (here / "binary").write_bytes(b"\0" + KEY.encode())
    (here / "large").write_text("x" * (1 << 20) + KEY)
    (here / ".git").mkdir()
    (here / ".git" / "config").write_text(KEY)
    (here / "link").symlink_to(here / ".git" / "config")
    answer = shell("scan", ".", "--size-max", "1")
    assert "too large: large" in answer.err
    assert "could not be read: none" in shell("scan", "none", code=1).err
    assert shell("scan", ".", "none", code=3).out == f"large:1: {SHOWN}\n"


def test_a_pipe_that_never_ends_does_not_hold_it_up(shell: Shell) -> None:
    subprocess.run(["mkfifo", shell.directory / "pipe"], check=True)
    shell("scan", ".")


def test_stdin_is_read(shell: Shell) -> None:
    assert shell("scan", "-", stdin=f"a\nb\n{KEY}", code=3).out == f"stdin:3: {SHOWN}\n"


def test_of_a_diff_only_what_it_adds_counts(shell: Shell) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=shell.directory, capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    (shell.directory / "old.txt").write_text(f"one\n{KEY}\n")
    git("add", ".")
    git("commit", "-qm", "one")
    (shell.directory / "old.txt").write_text("one\ntwo\n")
    (shell.directory / "new file.txt").write_text(f"one\ntwo\n++ three\n{KEY}\n")
    git("add", ".")
    answer = shell("scan", "--diff", "-", stdin=git("diff", "--cached"), code=3)
    assert answer.out == f"new file.txt:4: {SHOWN}\n"
    shell("scan", "--diff", "-", stdin=git("diff", "--cached", "old.txt"))


def test_the_pattern_is_the_published_one(shell: Shell) -> None:
    assert shell("scan", "--pattern").out.strip() == SCAN_PATTERN
    assert re.fullmatch(shell("scan", "--pattern", "--json").json["pattern"], KEY)


def test_without_a_place_it_says_how(shell: Shell) -> None:
    assert "git diff" in shell("scan", code=2).err


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [
        (KEY, 0, "key"),
        (KEY.replace("tk_live", "tk_live") + "\n", 0, "key"),
        (KEY[:-1] + "1", 3, "key"),
        (KEY.replace("live", "op"), 3, "operator key"),
        ("nonsense", 3, "unknown"),
        ("e30.e30.x", 3, "unknown"),
        ("eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhIiwiZXhwIjoxODAwMDAwMDAwfQ.c2ln", 0, "access token"),
    ],
)
def test_a_text_is_inspected_without_showing_what_is_secret(shell: Shell, text: str, code: int, kind: str) -> None:
    answer = shell("inspect", stdin=text, code=code)
    document = shell("inspect", "--json", stdin=text, code=code)
    assert document.json["kind"] == kind
    assert document.json["well_formed"] is (code == 0)
    for shown in (answer, document):
        assert KEY[26:40] not in shown.out + shown.err
        assert "c2ln" not in shown.out + shown.err


def test_what_is_inspected_cannot_write_on_the_terminal(shell: Shell) -> None:
    # {"alg":"\u001b[31m"} and {"sub":"\u001b]0;x\u0007"}
    token = "eyJhbGciOiJcdTAwMWJbMzFtIn0.eyJzdWIiOiJcdTAwMWJdMDt4XHUwMDA3In0.x"
    assert "\x1b" not in shell("inspect", stdin=token).out


def test_a_tree_of_many_files_is_scanned_quickly(tmp_path: Path, shell: Shell) -> None:
    from tokenry.offline import find

    data = (b"x_1" + b"a" * 70 + b" def f(self): return self._1value\n") * 20_000
    assert list(find(data)) == []
