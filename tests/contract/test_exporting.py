"""The export of one tenant: all its records, nobody else's, and nothing that proves a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import NotAllowed
from tokenry.service.exporting import SCOPES
from tokenry.types import Invalid


def test_an_export_holds_every_record_once(tk: Any, issue: Issue, acme: str) -> None:
    tk.scopes.define(["read:a"])
    tk.roles.put("reader", scopes=["read:a"])
    for at in range(5):
        tk.owners.put(f"owner {at}", name="Ö")
    keys = [issue(f"key {at}", metadata={"deep": {"a": [at]}}).key for at in range(5)]
    lines = list(tk.exports.iterate(limit=2))
    found = [
        (line.kind, line.record.get("slug") or line.record.get("external_id") or line.record.get("id"))
        for line in lines
    ]
    assert found == [
        ("tenant", "default"),
        ("scopes", None),
        ("role", None),
        ("owner", "ada"),
        *(("owner", f"owner {at}") for at in range(5)),
        *(("key", key.id) for key in reversed(keys)),
    ]
    assert lines[1].record == {"scopes": ["read:a"]}
    assert lines[-1].record["metadata"] == {"deep": {"a": [0]}}
    assert {line.kind for line in tk.exports.iterate(tenant=acme)} == {"tenant", "scopes", "owner"}


def test_an_export_holds_nothing_that_proves_a_key(tk: Any, issue: Issue) -> None:
    raw = {"id": "1", "owner": "ada", "hash": {"scheme": "raw", "value": "old_0123456789abcdef"}}
    sha = {"id": "2", "owner": "ada", "hash": {"scheme": "sha256", "value": "ab" * 32}, "hint": {"prefix": "tt_"}}
    issued = issue(limits=[{"name": "m", "limit": 1, "window_seconds": 60}], credits=5)
    assert tk.imports.run([raw, sha]).imported_count == 2
    text = json.dumps([[line.kind, line.record] for line in tk.exports.iterate()])
    for secret in (str(issued.secret), "old_0123", "abab", "digest", "document", "seal", "hash"):
        assert secret not in text
    assert issued.key.secrets[0].kid in text


def test_every_export_leaves_one_audit_entry_and_one_event(tk: Any, issue: Issue) -> None:
    for _ in range(3):
        issue()
    list(tk.exports.iterate(limit=1, by=tk.owners.put("root", admin=True)))
    (entry,) = tk.audit.list(action="tenant.exported")
    assert (entry.subject, entry.actor) == ("default", "root")
    assert len(tk.events.list(types=["tenant.exported"])) == 1


def test_an_export_needs_every_scope_of_what_it_shows(tk: Any, issue: Issue) -> None:
    tk.owners.put("op")
    issue()
    for missing in (None, *SCOPES):
        scopes = [scope for scope in SCOPES if scope != missing]
        key = tk.keys.issue("op", name=str(missing), environment="op", scopes=scopes)
        by, cursor = tk.require(key.secret, environment="op"), tk.exports.list().next_cursor
        if missing is None:
            assert len(list(tk.exports.iterate(by=by))) >= 4
            continue
        for at in (None, cursor):
            with pytest.raises(NotAllowed):
                tk.exports.list(cursor=at, by=by)


def test_a_cursor_of_another_list_is_refused(tk: Any, issue: Issue) -> None:
    issue()
    issue()
    for cursor in (tk.keys.list(limit=1).next_cursor, "ZXhwb3J0OmtleQ", "x"):
        with pytest.raises(Invalid):
            tk.exports.list(cursor=cursor)
