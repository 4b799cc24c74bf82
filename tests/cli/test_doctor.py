"""`doctor` says what is well, what should be looked at and what must be repaired."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Shell
from tokenry.edge import FORM

DATABASE = Path("tokenry-data/tokenry.db")
KEYRING = Path("tokenry-data/tokenry.db.keyring")


def findings(answer: Answer) -> dict[str, Any]:
    return {finding["check"]: finding for finding in answer.json["findings"]}


def test_a_healthy_installation_passes(run: Shell) -> None:
    found = findings(run("doctor", "--json"))
    assert not [finding for finding in found.values() if finding["status"] == "failed"]
    assert found["keyring place"]["status"] == "warning"
    assert {"keyring file", "database", "revision", "keyring", "operator key", "audit log", "clock"} <= set(found)
    assert "warning" in run("doctor").out
    assert found["form"]["status"] == "ok"
    assert found["form"]["message"].startswith(FORM)


def test_a_keyring_elsewhere_is_not_warned_about(ready: Shell) -> None:
    (ready.directory / "keys").mkdir()
    (ready.directory / KEYRING).rename(ready.directory / "keys" / "keyring")
    assert "keyring place" not in findings(ready("doctor", "--json", "--keyring", "keys/keyring"))


def test_a_keyring_that_others_can_read_fails(run: Shell) -> None:
    KEYRING.chmod(0o644)
    answer = run("doctor", "--json", code=1)
    assert "chmod 600" in findings(answer)["keyring file"]["message"]
    assert answer.json["ok"] is False


def test_another_keyring_fails(ready: Shell) -> None:
    ready("secrets", "new", "--out", "other")
    found = findings(ready("doctor", "--json", "--keyring", "other", code=1))
    assert "not the keyring" in found["keyring"]["message"]


def test_a_changed_audit_log_fails(run: Shell) -> None:
    connection = sqlite3.connect(DATABASE)
    connection.execute("UPDATE tokenry_audit_entry SET actor = 'somebody else' WHERE action = 'owner.created'")
    connection.commit()
    connection.close()
    assert "changed or forged" in findings(run("doctor", "--json", code=1))["audit log"]["message"]
    answer = run("audit", "check", "--json", code=1)
    assert answer.json["ok"] is False
    assert "changed or forged" in answer.err


def failures(run: Shell) -> list[str]:
    """Return what is found to be wrong with the signatures of keys."""
    found = run.ask("doctor", "--json", "--all-keys").json["findings"]
    return [one["message"] for one in found if one["check"] == "signed keys" and one["status"] == "failed"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE tokenry_key SET allowed_ips = '[\"192.0.2.1\"]'", "differ in allowed_ips"),
        ("UPDATE tokenry_secret SET document = document || ' '", "not signed with the keyring"),
        ("UPDATE tokenry_secret SET seal = NULL", "not signed with the keyring"),
    ],
)
def test_a_key_that_was_changed_in_the_database_fails(run: Shell, statement: str, message: str) -> None:
    assert findings(run("doctor", "--json"))["signed keys"]["message"].endswith(": 1")
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.execute(statement)
        connection.commit()
    first, count = failures(run)
    assert message in first
    assert count.endswith(": 1")


def test_a_revocation_that_was_taken_back_in_the_database_fails(run: Shell) -> None:
    run("owners", "put", "ada")
    id = json.loads(run("keys", "issue", "--owner", "ada", "--name", "k", "--json").out)["key"]["id"]
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with closing(sqlite3.connect(DATABASE)) as connection:
        for table in ("tokenry_key", "tokenry_secret"):
            rows[table] = connection.execute(f"SELECT * FROM {table}").fetchall()
        run("keys", "revoke", id)
        assert failures(run) == []
        for table in reversed(rows):
            connection.execute(f"DELETE FROM {table}")
        for table, kept in rows.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(kept[0]))})", kept)
        connection.commit()
    assert "revoked" in failures(run)[0]


def test_a_head_from_earlier_finds_a_cut_tail(run: Shell) -> None:
    run("owners", "put", "second")
    Path("head.json").write_text(run("audit", "head").out)
    run("audit", "check", "--head", "head.json")
    connection = sqlite3.connect(DATABASE)
    connection.execute("DELETE FROM tokenry_audit_entry WHERE subject = 'second'")
    connection.commit()
    connection.close()
    run("audit", "check", "--head", "head.json", code=1)
    Path("head.json").write_text("{}")
    assert "not a head" in run("audit", "check", "--head", "head.json", code=1).err


def test_a_database_without_tables_fails(shell: Shell) -> None:
    found = findings(shell("doctor", "--json", "--database", "sqlite:///none.db", code=1))
    assert found["revision"]["command"] == "tokenry init"
    assert not (shell.directory / "none.db").exists()


def test_a_database_that_cannot_be_reached_exits_with_5(shell: Shell) -> None:
    shell("secrets", "new", "--out", "keyring")
    url = "postgresql://nobody@127.0.0.1:1/none"
    assert findings(shell("doctor", "--json", "--database", url, "--keyring", "keyring", code=5))["database"][
        "unreachable"
    ]


def test_an_application_without_operators_is_well(shell: Shell) -> None:
    shell("db", "upgrade", "--database", "sqlite:///keys.db")
    found = findings(shell("doctor", "--json", "--database", "sqlite:///keys.db"))
    assert found["operator key"]["status"] == "ok"
    assert found["operator key"]["command"] == "tokenry init"


def test_a_lost_operator_is_remarked_on(run: Shell) -> None:
    with closing(sqlite3.connect(DATABASE)) as connection:
        [(id,)] = connection.execute("SELECT id FROM tokenry_key WHERE environment = 'op'")
    run("keys", "revoke", id, "--tenant", "system")
    found = findings(run("doctor", "--json"))
    assert found["operator key"]["status"] == "warning"
    assert "--new-operator-key" in found["operator key"]["command"]
    assert ". Make a new one: `tokenry init --new-operator-key`" in run("doctor").out


def test_a_time_zone_that_this_machine_does_not_know_is_remarked_on(run: Shell) -> None:
    assert "time zones" not in findings(run("doctor", "--json"))
    connection = sqlite3.connect(DATABASE)
    connection.execute("UPDATE tokenry_tenant SET time_zone = 'Europe/Atlantis'")
    connection.commit()
    connection.close()
    found = findings(run("doctor", "--json"))
    assert found["time zones"]["status"] == "warning"
    assert "Europe/Atlantis" in found["time zones"]["message"]


def test_entries_that_nobody_seals_are_remarked_on(run: Shell) -> None:
    connection = sqlite3.connect(DATABASE)
    connection.execute("UPDATE tokenry_audit_entry SET position = NULL, chain = NULL, at = at - 3600000000")
    connection.commit()
    connection.close()
    found = findings(run("doctor", "--json", code=1))
    assert "waited to be sealed" in found["audit sealing"]["message"]
