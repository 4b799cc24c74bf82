"""Many changes in one transaction of our own SQLite database: one commit, and one wait for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy import Connection

from tokenry.core.document import Seals
from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Row

from .failures import translated
from .fixed import Raw
from .rows import SqlRows

_TAKEN_BACK = "the database took back a transaction that this change shared; nothing was changed, try again"


class Together:
    """The transaction. A change that fails leaves nothing of itself, and the others stay.

    After some failures, such as a full disk, SQLite ends the whole transaction by itself. Then `check` raises, and no
    savepoint is set: outside of a transaction it would begin one.
    """

    def __init__(self, raw: Raw, seals: Seals) -> None:
        self._raw = raw
        self._seals = seals

    @contextmanager
    def read(self) -> Iterator[SqlRows]:
        """Read committed rows, and the rows that earlier changes have written."""
        yield SqlRows(cast("Connection", self._raw), self._seals)

    @contextmanager
    def change(self, *, durable: bool = True, within: float | None = None) -> Iterator[SqlRows]:
        """Write behind a savepoint."""
        self.check()
        with translated(), self._raw.savepoint():
            rows = SqlRows(cast("Connection", self._raw), self._seals)
            yield rows
            rows.finish()

    def find(self, kid: str) -> Row | None:
        """Look one secret up."""
        with self.read() as rows:
            return rows.secrets.find(kid)

    def check(self) -> None:
        """Raise StoreUnavailable if SQLite has ended the transaction."""
        if not self._raw.raw.in_transaction:
            raise StoreUnavailable(_TAKEN_BACK)
