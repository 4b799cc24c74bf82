"""Secrets go in by stdin, prompt or file, and come out once, where they were asked for."""

import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import OPERATORS_KEY, Shell
from tokenry.cli.credentials import new_secret_file

LOOKS_LIKE_A_KEY = "tk_live_1" + "A" * 73


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", LOOKS_LIKE_A_KEY),
        ("verify", "--secret-file", LOOKS_LIKE_A_KEY),
        ("keys", "find", LOOKS_LIKE_A_KEY),
        ("keys", "find", "--kid", LOOKS_LIKE_A_KEY),
        ("keys", "show", LOOKS_LIKE_A_KEY),
        ("keys", "revoke", f"--reason={LOOKS_LIKE_A_KEY}", "key_x"),
        (LOOKS_LIKE_A_KEY,),
        ("verify", "a-foreign-secret"),
        ("keys", "find", "a-foreign-secret"),
        ("keys", "list", "--keyring", "tokenry-keyring 1; abc AAAA 1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_credential_as_argument_is_refused_and_not_repeated(run: Shell, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments, stdin="x", code=2)
    assert answer.out == ""
    assert "argument" in answer.err
    for secret in (LOOKS_LIKE_A_KEY, "a-foreign-secret", "AAAA"):
        assert secret not in answer.err


def test_the_real_command_refuses_an_argument_before_anything_else(shell: Shell) -> None:
    answer = shell("verify", LOOKS_LIKE_A_KEY, code=2)
    assert LOOKS_LIKE_A_KEY not in answer.out + answer.err
    assert "stdin" in answer.err


def test_an_issued_secret_is_alone_on_stdout_and_never_on_stderr(run: Shell) -> None:
    for extra in ((), ("--json",)):
        answer = run("keys", "issue", "--owner", "user-42", "--name", f"a{len(extra)}", *extra)
        secret = answer.json["secret"] if extra else answer.out.removesuffix("\n")
        assert secret.startswith("tk_live_1")
        assert secret not in answer.err
        assert secret[30:60] not in answer.err


def test_nothing_else_shows_a_secret(run: Shell) -> None:
    secret = run("keys", "issue", "--owner", "user-42", "--name", "a").out.strip()
    shown = [run("keys", "list", "--json"), run("keys", "list"), run("audit", "list", "--json"), run("secrets", "list")]
    shown += [run("verify", "--json", stdin=secret), run("verify", stdin=secret), run("keys", "find", stdin=secret)]
    shown += [run("verify", "--explain", stdin=secret), run("doctor", "--json")]
    keyring = Path("tokenry-data/tokenry.db.keyring").read_text().split()
    material = max(keyring, key=len)
    for answer in shown:
        assert secret[25:68] not in answer.out + answer.err
        assert material not in answer.out + answer.err


def test_a_secret_file_is_for_its_owner_alone_and_never_over_another(run: Shell) -> None:
    os.umask(0)
    out = Path("secret")
    answer = run("keys", "issue", "--owner", "user-42", "--name", "a", "--secret-out", "secret")
    secret = out.read_text()
    assert mode(out) == 0o600
    assert secret not in answer.out + answer.err
    assert answer.out.startswith("key_")
    run("verify", "--secret-file", "secret")
    assert "others can read" not in run("verify", "--secret-file", "secret").err

    refused = run("keys", "issue", "--owner", "user-42", "--name", "b", "--secret-out", "secret", code=1)
    assert "exists already" in refused.err
    assert out.read_text() == secret
    assert [key["name"] for key in run("keys", "list", "--json").json["keys"]] == ["a"]

    document = run("keys", "rotate", answer.out.strip(), "--secret-out", "new", "--json").json
    assert document["secret_file"] == "new"
    assert "secret" not in document
    run("verify", stdin=Path("new").read_text())


def test_a_secret_file_is_gone_when_nothing_was_written(tmp_path: Path) -> None:
    with new_secret_file(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_a_secret_file_is_gone_when_nothing_was_issued(run: Shell) -> None:
    run("keys", "issue", "--owner", "nobody", "--name", "a", "--secret-out", "secret", code=1)
    assert not Path("secret").exists()
    run("keys", "issue", "--owner", "user-42", "--name", "a", "--secret-out", "no/such/place", code=1)
    assert run("keys", "list", "--json").json["keys"] == []


def test_a_file_that_others_can_read_is_remarked_on(run: Shell) -> None:
    secret = run("keys", "issue", "--owner", "user-42", "--name", "a").out
    Path("loose").write_text(secret)
    Path("loose").chmod(0o644)
    assert "chmod 600" in run("verify", "--secret-file", "loose").err


def test_a_prompt_does_not_echo(ready: Shell) -> None:
    secret = ready("keys", "issue", "--owner", "user-42", "--name", "a").out.strip()
    seen = ready.on_terminal("verify", typed=secret + "\n")
    assert "valid" in seen
    assert secret[20:] not in seen


def test_the_first_operator_key_is_shown_once_on_a_terminal(shell: Shell) -> None:
    seen = shell.on_terminal("init")
    assert seen.count("tk_op_1") == 1
    assert not (shell.directory / OPERATORS_KEY).exists()
    assert "tk_op_1" not in shell.on_terminal("init", code=1)


def test_the_first_operator_key_goes_into_a_file_when_nobody_watches(shell: Shell) -> None:
    answer = shell("init")
    path = shell.directory / OPERATORS_KEY
    assert "tk_op_1" not in answer.out + answer.err
    assert answer.out.strip() == str(path)
    assert path.read_text().startswith("tk_op_1")
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert mode(path.parent / "tokenry.db.keyring") == 0o600


def test_an_operator_key_file_is_never_overwritten(shell: Shell) -> None:
    (shell.directory / "mine").write_text("precious")
    assert "exists already" in shell("init", "--secret-out", "mine", code=1).err
    assert (shell.directory / "mine").read_text() == "precious"
    shell("init", "--secret-out", "operator")
    assert mode(shell.directory / "operator") == 0o600


def test_a_password_in_an_argument_is_remarked_on(shell: Shell) -> None:
    shell("secrets", "new", "--out", "keyring")
    url = "postgresql://jo:hunter2@127.0.0.1:1/none"
    answer = shell("keys", "list", "--database", url, "--keyring", "keyring", code=5)
    assert "TOKENRY_DATABASE_URL" in answer.err
    assert "hunter2" not in answer.err
