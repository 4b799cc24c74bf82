"""Raw connections: each ends the transaction that it has begun, and the loop waits for none that threads use."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tokenry import Tokenry
from tokenry.edge import reads_at_once
from tokenry.store.fixed import Raw
from tokenry.store.sqlite import _READERS


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


def test_a_read_is_left_to_a_thread_while_threads_use_all_readers(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        assert reads_at_once(tk)
        with ExitStack() as reads:
            for _ in range(_READERS):
                reads.enter_context(tk._database.read())
            assert not reads_at_once(tk)
        assert reads_at_once(tk)
