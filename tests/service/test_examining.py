"""An examination is bounded: the newest entries of the audit logs, some secrets, and one caller at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tokenry import Conflict, Settings, Tokenry, examining
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.types import NOT_GIVEN, Diagnosis


@pytest.fixture
def tk(tmp_path: Path) -> Iterator[Tokenry]:
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=Settings(background=False)) as tk:
        for place in range(30):
            tk.owners.put(f"owner {place}")
        tk.flush()
        yield tk


def change(tk: Tokenry, statement: str) -> None:
    with tk._database.change() as rows:
        rows.core.execute(text(statement))


def newest(tk: Tokenry, most: int) -> Any:
    return tk.audit._check(None, "default", NOT_GIVEN, most)


def found(tk: Tokenry, check: str) -> list[Diagnosis]:
    return [one for one in tk.doctor.examine() if one.check == check]


def test_only_the_newest_entries_are_checked(tk: Tokenry) -> None:
    count = tk.audit.check().entry_count
    assert [newest(tk, most).entry_count for most in (1, 7, count, count + 9)] == [1, 7, count, count]
    change(tk, f"UPDATE tokenry_audit_entry SET actor = 'x' WHERE position = {count - 7}")
    assert newest(tk, 7)
    assert not newest(tk, 8)
    assert not tk.audit.check()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM tokenry_audit_entry WHERE position = {begin}", "broken"),
        ("DELETE FROM tokenry_audit_entry WHERE position = {begin} + 1", "missing in front of"),
        ("DELETE FROM tokenry_audit_entry WHERE position > {begin}", "its head says"),
        ("DELETE FROM tokenry_audit_entry WHERE position >= {begin}", "its head says"),
        ("UPDATE tokenry_audit_entry SET chain = chain || 'x' WHERE position = {begin}", "broken"),
    ],
)
def test_what_was_done_to_the_newest_entries_is_found(tk: Tokenry, statement: str, problem: str) -> None:
    begin = tk.audit.check().entry_count - 7
    change(tk, statement.format(begin=begin))
    assert any(problem in one for one in newest(tk, 7).problems)


def test_an_examination_says_that_it_did_not_look_at_all(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(3):
        tk.keys.issue("owner 1", name=f"key {place}")
    assert [one.command for check in ("audit log", "signed keys") for one in found(tk, check)] == ["", ""]
    monkeypatch.setattr(examining, "_SOME", 3)
    [log], [keys] = found(tk, "audit log"), found(tk, "signed keys")
    assert log.message == "entries as they were written: 3, not all were looked at"
    assert keys.message.startswith("secrets whose rows are as they were signed: 3")
    assert log.command == keys.command == "tokenry doctor --all-keys"
    assert {one.check: one.command for one in examining.examine(tk, all_keys=True)}["audit log"] == ""


def test_many_tenants_take_no_longer_than_one(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(5):
        tk.tenants.create(f"a{place}")
    monkeypatch.setattr(examining, "_SOME", 2 * examining._LEAST)
    [log] = found(tk, "audit log")
    assert "not all were looked at" in log.message
    assert int(log.message.split(": ")[1].split(",")[0]) < 5, "the logs of two tenants, which hold nearly nothing"


def test_a_forked_child_can_be_examined_while_its_parent_is(tk: Tokenry) -> None:
    with tk._examiner._running:
        with pytest.raises(Conflict, match="ask again"):
            tk.doctor.examine()
        child = os.fork()
        if child == 0:
            os._exit(0 if len(tk.doctor.examine()) > 5 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tk.doctor.examine()


def status(tk: Tokenry, check: str) -> list[str]:
    return [one.status for one in found(tk, check)]


def test_the_keyring_that_the_next_start_reads_is_examined(tk: Tokenry) -> None:
    path = tk._keyring.path
    assert path is not None
    path.unlink()
    [lost] = found(tk, "keyring file")
    assert (lost.status, lost.command) == ("failed", "")
    assert "put it back" in lost.message
    write_keyring_file(path, fresh_keyring())
    assert status(tk, "keyring file") == ["ok", "failed"]
    assert "not the keyring" in found(tk, "keyring file")[1].message
    path.chmod(0o644)
    assert found(tk, "keyring file")[0].command == f"chmod 600 {path}"


def test_a_check_that_breaks_is_a_failure_and_the_others_are_made(tk: Tokenry) -> None:
    before = {one.check for one in tk.doctor.examine()}
    change(tk, "UPDATE tokenry_tenant SET default_limits = 'no JSON' WHERE slug = 'default'")
    result = tk.doctor.examine()
    assert before <= {one.check for one in result}
    assert {one.check for one in result if one.message.startswith("could not be checked")} == {
        "audit log",
        "time zones",
    }


def test_entries_that_cannot_be_sealed_are_not_called_sealed(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    old = timedelta(minutes=5) // timedelta(microseconds=1)
    change(tk, f"UPDATE tokenry_audit_entry SET position = NULL, chain = NULL, at = at - {old}")
    with monkeypatch.context() as patch:
        patch.setattr(tk.audit, "seal_all", lambda: None)  # as where the head was forged
        assert status(tk, "audit sealing") == ["failed"]


def test_an_operator_key_of_a_disabled_owner_does_not_count(tk: Tokenry) -> None:
    tk.owners.put("op", tenant="system")
    tk.keys.issue("op", name="k", tenant="system", environment="op", scopes=["tokenry:audit:read"], expires_in=None)
    assert status(tk, "operator key") == ["ok"]
    tk.owners.disable("op", tenant="system")
    [lacking] = found(tk, "operator key")
    assert (lacking.status, lacking.command) == ("warning", "tokenry init --new-operator-key")
