"""The whole life of a key, by the real command."""

import pytest

from tests.cli.conftest import Shell
from tests.servers.postgres import Postgres

LASTING = ("--scope", "read:projects", "--expires-in", "30d")


def live(shell: Shell) -> None:
    """Make an owner and a key, use it, rotate it, revoke it."""
    shell("owners", "put", "ci", "--email", "ci@example.com")
    issued = shell("keys", "issue", "--owner", "ci", "--name", "CI", "--tag", "ci", *LASTING)
    first = issued.out.strip()
    assert issued.out == f"{first}\n"
    assert "(in 30d)" in issued.err
    shell("verify", "--scope", "read:projects", stdin=first)
    assert "insufficient_scope" in shell("verify", "--scope", "write:projects", stdin=first, code=3).out

    [key] = shell("keys", "list", "--tag", "ci", "--json").json["keys"]
    assert shell("keys", "list", "--tag", "c", "--json").json["keys"] == []
    assert "tags" in shell("keys", "show", key["id"]).out
    assert shell("keys", "update", key["id"], "--no-tags", "--json").json["key"]["tags"] == []
    assert "tags" not in shell("keys", "show", key["id"]).out
    second = shell("keys", "rotate", key["id"], "--grace", "1h").out.strip()
    assert shell("verify", "--json", stdin=first).json["key"]["id"] == key["id"]
    shell("verify", stdin=second)

    third = shell("keys", "rotate", key["id"]).out.strip()
    shell("verify", stdin=first, code=3)
    shell("verify", stdin=second, code=3)
    shell("verify", stdin=third)
    assert shell("keys", "show", key["id"], "--json").json["key"]["expires_at"] == key["expires_at"]

    shell("keys", "revoke", key["id"], "--reason", "leaked")
    shell("keys", "revoke", key["id"])
    assert shell("verify", "--json", stdin=third, code=3).json["code"] == "revoked"
    assert "only a live key" in shell("keys", "rotate", key["id"], code=1).err
    assert shell("audit", "check", "--json").json["ok"] is True


def test_a_key_lives_and_dies_on_a_database_and_on_a_server(face: Shell) -> None:
    live(face)


def test_a_key_lives_and_dies_on_postgresql(shell: Shell, postgres_server: Postgres) -> None:
    shell.environment["TOKENRY_DATABASE_URL"] = postgres_server.create_database()
    assert "needs a keyring" in shell("init", code=1).err
    shell("secrets", "new", "--out", "keyring")
    shell.environment["TOKENRY_KEYRING"] = "keyring"
    assert shell("db", "status", "--json", code=1).json["current"] is None
    assert "run `tokenry init`" in shell("keys", "list", code=1).err
    assert shell("init", "--json").json["operator_key"].startswith("tk_op_1")
    assert shell("db", "status", "--json").json["up_to_date"] is True
    live(shell)
    shell("secrets", "rotate", "--activate-after", "0s")
    assert shell("doctor", "--json").json["ok"] is True


@pytest.mark.parametrize("stdout_is_json", [True, False])
def test_a_lost_operator_key_is_replaced(shell: Shell, stdout_is_json: bool) -> None:
    old = shell("init", "--json").json
    shell.environment["TOKENRY_DATABASE_URL"] = old["database_url"]
    shell("verify", "--environment", "op", "--scope", "tokenry:keys:write", stdin=old["operator_key"])
    assert "--new-operator-key" in shell("init", code=1).err

    if stdout_is_json:
        new = shell("init", "--new-operator-key", "--json").json["operator_key"]
    else:
        path = shell("init", "--new-operator-key").out.strip()
        new = (shell.directory / path).read_text().strip()
    shell("verify", "--environment", "op", stdin=new)
    shell("verify", stdin=new, code=3)
    shell("verify", "--environment", "op", stdin=old["operator_key"], code=3)


def test_many_inits_at_once_make_one_operator_key(shell: Shell) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def init(number: int) -> bool:
        try:
            shell.process("init", "--json")
        except AssertionError as error:
            assert "Traceback" not in str(error)  # noqa: PT017 it says why this one was too late
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(init, range(4))) == 1


def test_a_limit_of_a_subject_is_taken_from_until_it_is_used_up(shell: Shell) -> None:
    shell.environment["TOKENRY_DATABASE_URL"] = shell("init", "--json").json["database_url"]
    asked = ("limits", "take", "emails", "ada", "--limit", "2/1h", "--limit", "day=9/1d")
    assert "subject" in shell(*asked).out
    assert shell(*asked, "--json").json["taken"]["limits"][0]["remaining"] == 0
    refused = shell(*asked, "--json", code=3).json["taken"]
    assert (refused["allowed"], refused["limited_by"]["name"]) == (False, "default")
    assert shell("owners", "put", "ci", "--shared-limit", "5/1h", "--json").json["owner"]["shared_limits"]
    assert "shared limits" in shell("owners", "show", "ci").out
