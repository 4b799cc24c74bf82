"""`doctor` says what is well, what should be looked at and what must be repaired."""

import sqlite3
from pathlib import Path
from typing import Any

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
    assert "tokenry init" in found["revision"]["message"]
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
    assert "tokenry init" in found["operator key"]["message"]


def test_a_lost_operator_is_remarked_on(run: Shell) -> None:
    connection = sqlite3.connect(DATABASE)
    connection.execute("UPDATE tokenry_key SET revoked_at = 1 WHERE environment = 'op'")
    connection.commit()
    connection.close()
    found = findings(run("doctor", "--json"))
    assert found["operator key"]["status"] == "warning"
    assert "--new-operator-key" in found["operator key"]["message"]


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
    assert "wait to be sealed" in found["audit sealing"]["message"]
