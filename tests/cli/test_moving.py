"""`tokenry import`: lines of NDJSON become keys that work, on a database and on a server alike."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.cli.conftest import Shell
from tests.sources.made import of_seeds


def key_of(id: str) -> str:
    return f"tt_0123456789abcdef{id}"


def line(id: str, **given: Any) -> str:
    hash = {"scheme": "sha256", "value": hashlib.sha256(key_of(id).encode()).hexdigest()}
    return json.dumps({"id": id, "owner": "user-42", "hash": hash, "hint": {"prefix": "tt_"}, **given})


def results(out: str) -> list[tuple[int, str]]:
    return [(row["line"], row["status"]) for row in map(json.loads, out.splitlines())]


def test_keys_of_a_file_work_and_a_repeat_changes_nothing(face: Shell) -> None:
    lines = "\n".join([line("1"), "", line("2", scopes=["read:a"])])
    assert results(face("import", "-", "--dry-run", stdin=lines).out) == [(1, "imported"), (3, "imported")]
    face("verify", stdin=key_of("1"), code=3)
    assert results(face("import", "-", "--source", "tt", stdin=lines).out) == [(1, "imported"), (3, "imported")]
    face("verify", stdin=key_of("1"))
    face("verify", "--scope", "read:a", stdin=key_of("2"))
    face("verify", stdin=key_of("3"), code=3)
    answer = face("import", "-", "--source", "tt", stdin=lines)
    assert results(answer.out) == [(1, "exists"), (3, "exists")]


def test_a_line_that_is_wrong_is_told_and_the_others_are_imported(face: Shell) -> None:
    answer = face("import", "-", "--json", stdin="\n".join([line("1"), "{", line("2", what=1)]), code=1)
    rows = answer.json["results"]
    assert [(one["line"], one["status"]) for one in rows] == [(1, "imported"), (2, "refused"), (3, "refused")]
    face("verify", stdin=key_of("1"))


def test_keys_of_another_systems_database_work(face: Shell, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/old.db")
    made = of_seeds.time_tracker(engine, 1)
    engine.dispose()
    asked = ("import", "-", "--from", "time-tracker")
    answer = face(*asked, "--dry-run", stdin=f"sqlite:///{tmp_path}/old.db\n", code=1)
    assert [row["status"] for row in map(json.loads, answer.out.splitlines())].count("imported") == 1
    answer = face(*asked, "--json", stdin=f"sqlite:///{tmp_path}/old.db\n", code=1)
    assert [one["status"] for one in answer.json["results"]].count("refused") == 3
    (text,) = made.live
    face("verify", "--scope", "read:projects", stdin=text)


def test_keys_of_an_export_work_and_those_without_a_row_are_told(face: Shell, tmp_path: Path) -> None:
    items = [{"id": "a", "value": "A" * 30, "enabled": True}, {"id": "b", "enabled": True}]
    (tmp_path / "keys.json").write_text(json.dumps({"items": items}))
    asked = ("import", str(tmp_path / "keys.json"), "--from", "aws-api-gateway")
    answer = face(*asked, "--owner", "site", code=1)
    statuses = {one["line"]: one["status"] for one in map(json.loads, answer.out.splitlines())}
    assert statuses == {1: "imported", 2: "refused"}
    face("verify", stdin="A" * 30)


def test_what_cannot_be_read_is_said(face: Shell, tmp_path: Path) -> None:
    unread = face("import", "nosuch://x", "--from", "knox", code=1)
    assert "docs/coming-from/knox.md" in unread.err
    assert "time-tracker" in face("import", "x", "--from", "auth9", code=1).err
    assert "--from" in face("import", "x", "--owner", "me", code=2).err
