"""What was counted of a key that was deleted meanwhile is not kept for ever."""

from __future__ import annotations

from typing import Any

from tests.contract.conftest import Issue


def test_usage_of_a_deleted_key_is_not_written(tk: Any, issue: Issue, installation: Any) -> None:
    deleted, kept = issue(), issue()
    for issued in (deleted, kept):
        assert tk.verify(issued.secret)
        assert tk.verify(issued.secret, scopes="a").code == "insufficient_scope"
    tk.keys.delete(deleted.key.id)
    tk.flush()
    assert [(one.code, one.count) for one in tk.usage.get(kept.key.id)] == [("insufficient_scope", 1), ("valid", 1)]
    if installation.place != "memory":
        rows = installation.sql("SELECT count(*) FROM tokenry_usage_hour WHERE key_id = :id", id=deleted.key.id)
        assert [tuple(row) for row in rows] == [(0,)]
