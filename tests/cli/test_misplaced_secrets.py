"""A secret that was put where a path, a URL or a setting belongs is not shown by the error about it."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tests.cli.conftest import Shell
from tokenry.config import fresh_keyring

KEYRING = fresh_keyring()
MATERIAL = KEYRING.generations[0].line().split()[1]
KEY = "tk_op_1" + "aB3xY" * 14 + "aBc"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in one line": lambda text: text.replace("\n", ";"),
    "quoted": lambda text: f"'{text}'",
    "quoted twice": lambda text: f"\"'{text}'\"",
    "half quoted": lambda text: f'"{text}',
    "between spaces": lambda text: f" \n\t{text} \n",
    "behind a mark of UTF-8": lambda text: f"\ufeff{text}",
}
BROKEN: dict[str, str] = {
    "the secret alone": MATERIAL,
    "a quoted secret": f"'{MATERIAL}'",
    "a line of it": KEYRING.generations[0].line(),
    "without its header": KEYRING.dump().partition("\n")[2],
    "another header": f"tokenry-keyring 9;{KEYRING.generations[0].line()}",
    "a longer header": f"export KEYRING=tokenry-keyring 1;{KEYRING.generations[0].line()}",
    "in Base64": base64.b64encode(KEYRING.dump().encode()).decode(),
    "standard Base64": base64.b64encode(base64.urlsafe_b64decode(MATERIAL + "=")).decode(),
    "as a path": f"/{MATERIAL}/{MATERIAL}",
    "with a NUL": f"{MATERIAL}\0",
    "a key": KEY,
}
COMMANDS = (("init",), ("doctor",), ("secrets", "rotate"), ("secrets", "list"), ("try",), ("keys", "list"))


@pytest.mark.parametrize("form", FORMS)
def test_a_keyring_given_as_text_serves_every_command_and_is_never_shown(shell: Shell, form: str) -> None:
    shell.environment["TOKENRY_KEYRING"] = FORMS[form](KEYRING.dump())
    shell.environment["TOKENRY_DATABASE_URL"] = "sqlite:///keys.db"
    answers = [shell("init"), shell("doctor"), shell("secrets", "list"), shell("init", "--new-operator-key", "--json")]
    refused = shell("secrets", "rotate", code=1)
    assert "given as text" in refused.err
    answers += [refused, shell("try"), shell("keys", "list", "--json"), shell("doctor", "--json")]
    for answer in answers:
        assert MATERIAL[:12] not in answer.out + answer.err
        assert MATERIAL[-12:] not in answer.out + answer.err


@pytest.mark.parametrize("what", [name for name in BROKEN if name != "with a NUL"])
@pytest.mark.parametrize("place", ["environment", "file", "option", "toml"])
def test_what_is_no_keyring_is_refused_without_being_shown(shell: Shell, what: str, place: str) -> None:
    text = BROKEN[what]
    shell.environment["TOKENRY_DATABASE_URL"] = "sqlite:///keys.db"
    option: tuple[str, ...] = ()
    if place == "environment":
        shell.environment["TOKENRY_KEYRING"] = text
    elif place == "file":
        shell.environment["TOKENRY_KEYRING_FILE"] = text
    elif place == "toml":
        shell.directory.joinpath("tokenry.toml").write_text(f"keyring = '''{text}'''")
    else:
        option = ("--keyring", text)
    for command in COMMANDS:
        answer = shell.ask(*command, *option)
        assert answer.code in (1, 2)
        for part in (MATERIAL[6:18], MATERIAL[-18:-6], KEY[8:24], text[6:18] if "Base64" in what else KEY):
            assert part not in answer.out + answer.err, (command, answer)


def test_a_path_with_spaces_is_a_path(shell: Shell) -> None:
    shell.directory.joinpath("my keys").mkdir()
    shell("secrets", "new", "--out", "my keys/the keyring")
    shell("init", "--keyring", "my keys/the keyring", "--database", "sqlite:///keys.db")
    assert "the keyring" in shell("doctor", "--keyring", "my keys/the keyring", "--database", "sqlite:///keys.db").out


def test_a_missing_keyring_is_named_by_its_path(shell: Shell) -> None:
    answer = shell("init", "--database", "sqlite:///keys.db", "--keyring", "missing/keyring", code=1)
    assert "missing/keyring does not exist" in answer.err


@pytest.mark.parametrize("variable", ["TOKENRY_KEY_FILE", "TOKENRY_DATABASE_URL_FILE"])
@pytest.mark.parametrize("secret", [KEY, "postgresql://u:hunter2@h/db", MATERIAL], ids=["key", "URL", "keyring"])
def test_a_secret_in_the_place_of_a_file_is_not_shown(shell: Shell, variable: str, secret: str) -> None:
    server = {"TOKENRY_SERVER": "http://127.0.0.1:1"} if variable == "TOKENRY_KEY_FILE" else {}
    answer = shell("keys", "list", "--json", code=1, **{variable: secret}, **server)
    for part in (KEY[8:24], "hunter2", MATERIAL[6:18]):
        assert part not in answer.out + answer.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2",
        "postgresql://u@h:hunter2/db",
        "postgresql://u:x@hunter2@h/db",
        "postgresql://127.0.0.1:1/db?password=hunter2",
        "postgresql://u:hunter2@127.0.0.1:1/db",
        "u:hunter2@h/db",
    ],
)
def test_no_password_of_a_database_is_shown(shell: Shell, url: str) -> None:
    shell("secrets", "new", "--out", "keyring")
    for command in (("init",), ("doctor",), ("doctor", "--json"), ("keys", "list"), ("db", "upgrade")):
        answer = shell.ask(*command, TOKENRY_DATABASE_URL=url, TOKENRY_KEYRING="keyring")
        assert answer.code in (1, 5)
        assert "hunter2" not in answer.out + answer.err, command


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keyring", "tokenry-keyring", "1;", "abc", MATERIAL, "1970-01-01T00:00:00+00:00", "keys", "list"),
        ("keys", "show", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTQyIn0.c2lnbmF0dXJl"),
    ],
)
def test_other_credentials_are_refused_as_arguments_too(shell: Shell, arguments: tuple[str, ...]) -> None:
    answer = shell(*arguments, code=2)
    assert "argument" in answer.err
    assert MATERIAL[:12] not in answer.err
    assert "eyJzdWIi" not in answer.err
