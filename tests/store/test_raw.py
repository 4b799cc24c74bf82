"""Raw connections: each ends the transaction that it has begun, and the loop waits for none that threads use."""

import sqlite3
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tokenry import Settings, Tokenry
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


class InterruptedAgain(sqlite3.Connection):
    """A connection on which a second Ctrl-C is heard instead of some of the ends of a transaction."""

    ignored = 1

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "ROLLBACK" and self.ignored:
            self.ignored -= 1
            raise KeyboardInterrupt
        return super().execute(sql, parameters)


@pytest.mark.parametrize("ignored", [1, 2])
def test_a_second_interrupt_leaves_no_change_open(tmp_path: Path, ignored: int) -> None:
    quiet = Settings(background=False, store_timeout=timedelta(seconds=1))
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=quiet) as tk:
        store: Any = tk._database
        store._write_with.close()
        interrupted = store._connect(kind=InterruptedAgain)
        store._writer, interrupted.ignored = Raw(interrupted), ignored
        fence = store.fence()
        with suppress(KeyboardInterrupt), store.change() as rows:
            rows.turn(None, changed=True)
            raise KeyboardInterrupt
        assert interrupted.in_transaction == (ignored == 2)
        if ignored == 1:
            with Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=quiet) as other:
                other.owners.put("bob")
        assert tk.owners.put("ada")
        assert store.fence() == fence


def test_a_read_is_left_to_a_thread_while_threads_use_all_readers(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        assert reads_at_once(tk)
        with ExitStack() as reads:
            for _ in range(_READERS):
                reads.enter_context(tk._database.read())
            assert not reads_at_once(tk)
        assert reads_at_once(tk)
