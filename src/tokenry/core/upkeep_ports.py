"""What upkeep asks of a store. It works for the whole installation, so most of it knows no tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .model import Event


class JournalPlace(NamedTuple):
    """How far a database and a revocation journal agree.

    Everything up to the record of the event `last` is in the database, and the revocations among the events up to
    (`txid`, `sequence`) of the outbox are in the journal.
    """

    last: str | None
    txid: int
    sequence: int


class UpkeepRows(Protocol):
    def journal_place(self, journal: str) -> JournalPlace | None: ...
    def put_journal_place(self, journal: str, place: JournalPlace, now: int) -> None: ...
    def has_journal(self) -> bool: ...
    def committed(self, events: Sequence[str]) -> set[str]: ...
    def events_behind(
        self, txid: int, sequence: int, types: Sequence[str], limit: int
    ) -> Sequence[tuple[str, int, Event]]: ...
