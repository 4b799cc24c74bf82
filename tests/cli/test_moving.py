"""`tokenry import`: lines of NDJSON become keys that work, on a database and on a server alike."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.cli.conftest import Shell


def key_of(id: str) -> str:
    return f"tt_0123456789abcdef{id}"


def line(id: str, **given: Any) -> str:
    hash = {"scheme": "sha256", "value": hashlib.sha256(key_of(id).encode()).hexdigest()}
    return json.dumps({"id": id, "owner": "user-42", "hash": hash, "hint": {"prefix": "tt_"}, **given})


def results(out: str) -> list[tuple[int, str]]:
    return [(told["line"], told["status"]) for told in map(json.loads, out.splitlines())]


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
    told = answer.json["results"]
    assert [(one["line"], one["status"]) for one in told] == [(1, "imported"), (2, "refused"), (3, "refused")]
    face("verify", stdin=key_of("1"))
