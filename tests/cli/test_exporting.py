"""`tokenry export` and `tokenry restore`: an installation moves with its keyring."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell


def test_an_installation_moves_with_its_keyring(run: Shell) -> None:
    secret = run("keys", "issue", "--owner", "user-42", "--name", "moving").out.strip()
    recipient = run("export", "--new-identity", "me.identity").out.strip()
    run("export", "all.tokenry", "--recipient", recipient)
    assert (run.directory / "all.tokenry").stat().st_mode & 0o077 == 0
    keyring = next(run.directory.rglob("*keyring"))
    there = ("--database", f"sqlite:///{run.directory}/other.db", "--keyring", str(keyring))
    assert "--identity-file" in run("restore", "all.tokenry", *there, code=1).err
    without = ("--identity-file", "me.identity", "--database", f"sqlite:///{run.directory}/without.db")
    assert "another new database" in run("restore", "all.tokenry", *without, code=1).err
    assert run("restore", "all.tokenry", "--identity-file", "me.identity", "--json", *there).json["row_count"] > 5
    run("verify", *there, stdin=secret)
    run("restore", "all.tokenry", "--identity-file", "me.identity", *there, code=1)


def test_a_file_is_never_written_over_and_never_in_the_clear(run: Shell) -> None:
    (run.directory / "pass").write_text("correct horse battery staple\n")
    assert run("export", "all.tokenry", "--passphrase-file", "pass", "--json").json["row_count"] > 1
    run("export", "all.tokenry", "--passphrase-file", "pass", code=1)
    other = (
        "--database",
        f"sqlite:///{run.directory}/other.db",
        "--keyring",
        str(next(run.directory.rglob("*keyring"))),
    )
    assert "--passphrase-file" in run("restore", "all.tokenry", *other, code=1).err
    run("export", "more.tokenry", code=2)
    run("export", "more.tokenry", "--passphrase-file", "pass", "--recipient", "x", code=2)


def test_an_export_that_fails_leaves_no_file(run: Shell) -> None:
    (run.directory / "pass").write_text("short\n")
    run("export", "all.tokenry", "--passphrase-file", "pass", code=1)
    run("export", "all.tokenry", "--recipient", "tkrcpt_x", code=1)
    (run.directory / "pass").write_text("correct horse battery staple\n")
    run("export", "all.tokenry", "--passphrase-file", "pass")


def test_the_records_of_a_tenant_are_lines_without_secrets(run: Shell) -> None:
    secret = run("keys", "issue", "--owner", "user-42", "--name", "moving").out.strip()
    out = run("export", "--plain").out
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["tenant", "scopes", "owner", "key"]
    assert secret not in out
    run("export", "plain.ndjson", "--plain", "--tenant", "default")
    assert (run.directory / "plain.ndjson").read_text() == out
    assert (run.directory / "plain.ndjson").stat().st_mode & 0o077 == 0
    run("export", "plain.ndjson", "--plain", code=1)
    run("export", "all.tokenry", "--plain", "--recipient", "x", code=2)
    run("export", "all.tokenry", "--tenant", "default", "--recipient", "x", code=2)
