"""A raw connection ends every transaction that it has begun."""

import sqlite3
from typing import Any

import pytest

from tokenry.store.fixed import Raw


class Interrupted(sqlite3.Connection):
    """A connection on which Ctrl-C is heard once its wait for the lock is over."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        found = super().execute(sql, parameters)
        if sql.startswith("BEGIN"):
            raise KeyboardInterrupt
        return found


def test_an_interrupt_during_begin_leaves_no_transaction_open() -> None:
    raw = Raw(sqlite3.connect(":memory:", isolation_level=None, factory=Interrupted))
    with pytest.raises(KeyboardInterrupt), raw.transaction("BEGIN IMMEDIATE"):
        raise AssertionError("unreachable")
    assert not raw.raw.in_transaction
    raw.close()
