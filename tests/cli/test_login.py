"""Signing in to servers: the commands then work on them when nothing else says where."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def signed_in(served: Shell) -> Shell:
    """A shell with a saved server, and nothing of ours in its environment."""
    url, key = served.environment.pop("TOKENRY_SERVER"), served.environment.pop("TOKENRY_KEY")
    served("login", url, "--name", "here", stdin=key)
    return served


def file_of(shell: Shell) -> Path:
    return shell.directory / ".config" / "tokenry" / "servers.json"


def test_commands_work_on_the_saved_server_until_something_else_says_where(signed_in: Shell, ready: Shell) -> None:
    answer = signed_in("owners", "list")
    assert "user-42" in answer.out
    assert "on here (http://127.0.0.1:" in answer.err
    database = ready.environment["TOKENRY_DATABASE_URL"]
    for elsewhere in ({"TOKENRY_DATABASE_URL": database}, {"TOKENRY_SERVER": NOWHERE, "TOKENRY_KEY": "x"}):
        assert "on here" not in signed_in.ask("owners", "list", **elsewhere).err
    signed_in("owners", "list", "--server", NOWHERE, code=4)
    (signed_in.directory / "tokenry.toml").write_text(f'database_url = "{database}"\n')
    assert "on here" not in signed_in("owners", "list").err


def test_a_server_goes_by_its_name_and_gets_only_its_own_key(signed_in: Shell) -> None:
    assert "user-42" in signed_in("owners", "list", "--server", "here", TOKENRY_KEY="of another server").out
    assert "user-42" in signed_in("owners", "list", TOKENRY_SERVER="here", TOKENRY_KEY="of another server").out
    answer = signed_in("owners", "list", "--server", "her", code=1)
    assert "did you mean here?" in answer.err
    url = json.loads(file_of(signed_in).read_text())["servers"]["here"]["url"]
    assert "user-42" in signed_in("owners", "list", "--server", f"{url}/").out
    assert "tokenry login" in signed_in("owners", "list", "--server", NOWHERE, code=4).err


def test_the_key_of_the_environment_is_for_its_own_server(signed_in: Shell) -> None:
    url = json.loads(file_of(signed_in).read_text())["servers"]["here"]["url"]
    elsewhere, key = "http://tokenry.example.com", {"TOKENRY_KEY": "x"}
    answer = signed_in("owners", "list", "--server", NOWHERE, code=4, TOKENRY_SERVER=url, **key)
    assert f"for TOKENRY_SERVER, {url}, alone" in answer.err
    assert "in clear" in signed_in("owners", "list", "--server", elsewhere, code=2, **key).err
    signed_in("owners", "list", "--server", NOWHERE, code=5, **key)
    assert "user-42" in signed_in("owners", "list", "--server", url, TOKENRY_SERVER=elsewhere, **key).out


def test_a_server_that_was_named_is_named_with_its_address(signed_in: Shell) -> None:
    url = json.loads(file_of(signed_in).read_text())["servers"]["here"]["url"]
    assert f"on here ({url})" in signed_in("owners", "list", "--server", "here").err


def test_the_file_is_private_and_the_key_is_never_shown(signed_in: Shell) -> None:
    file = file_of(signed_in)
    key = json.loads(file.read_text())["servers"]["here"]["key"]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for arguments in (("servers",), ("servers", "--json"), ("owners", "list"), ("doctor",)):
        answer = signed_in(*arguments)
        assert key not in answer.out + answer.err
    file.chmod(0o640)
    assert "chmod 600" in signed_in("owners", "list", code=1).err
    file.chmod(0o600)
    file.write_text("{")
    assert "damaged" in signed_in("owners", "list", code=1).err
    file.unlink()
    os.symlink("/etc/hostname", file)
    assert "cannot be used" in signed_in("owners", "list", code=1).err


def test_a_wrong_key_is_not_saved(served: Shell) -> None:
    served("login", served.environment["TOKENRY_SERVER"], code=4, stdin="tk_op_wrong")
    served("login", NOWHERE, code=5, stdin="tk_op_wrong")
    assert not file_of(served).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://tokenry.example.com"], "--insecure"),
        (["nonsense"], "https://"),
        (["https://tokenry.example.com", "--name", "a b"], "--name"),
        (["https://tokenry.example.com", "--name", "https://x"], "--name"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_the_key_is_read(shell: Shell, arguments: list[str], words: str) -> None:
    answer = shell.ask("login", *arguments)
    assert answer.code in (1, 2)
    assert words in answer.err


def test_servers_are_listed_chosen_and_forgotten(signed_in: Shell) -> None:
    saved = json.loads(file_of(signed_in).read_text())["servers"]["here"]
    signed_in("login", saved["url"], "--name", "second", stdin=saved["key"])
    listed = signed_in("servers", "--json").json["servers"]
    assert [(one["name"], one["is_default"]) for one in listed] == [("here", False), ("second", True)]
    signed_in("servers", "--default", "here")
    assert "on here" in signed_in("owners", "list").err
    signed_in("servers", "--default", "third", code=1)
    signed_in("logout")
    assert "tokenry init" in signed_in("owners", "list", code=1).err
    assert [one["name"] for one in signed_in("servers", "--json").json["servers"]] == ["second"]
    signed_in("logout", code=2)
    signed_in("logout", "--all")
    assert signed_in("servers", "--json").json["servers"] == []


def test_an_installation_of_ones_own_is_made_while_signed_in(signed_in: Shell) -> None:
    assert (signed_in.directory / "tokenry-data").exists() is False
    signed_in("init", "--json")
    assert (signed_in.directory / "tokenry-data").exists()
