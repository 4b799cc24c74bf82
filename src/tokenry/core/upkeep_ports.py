"""The store's interface for upkeep. Upkeep serves the whole installation, so most calls take no tenant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol, TypeAlias

from .idle import IdleKey
from .model import Event, Key, Tenant

Removable: TypeAlias = Literal[
    "sessions",
    "visits",
    "limit counters",
    "holds of credits",
    "uses of scopes",
    "notices",
    "questions",
    "mails",
    "deliveries",
    "events",
    "refusals",
    "days of usage",
]
"""The kinds of rows that are removed when their time is over."""


class JournalPlace(NamedTuple):
    """How far a database and a revocation journal agree.

    Everything up to the record of the event `last` is in the database, and the revocations among the events up to
    (`txid`, `sequence`) of the outbox are in the journal.
    """

    last: str | None
    txid: int
    sequence: int


class SomeKeys(NamedTuple):
    """The keys that were found: tenants' slugs and ids of keys, grouped by tenant."""

    place: str
    """Where to go on; empty at the end."""
    dead: Sequence[tuple[str, str]]
    idle: Sequence[tuple[str, str]]


class UpkeepRows(Protocol):
    def journal_place(self, journal: str) -> JournalPlace | None: ...
    def put_journal_place(self, journal: str, place: JournalPlace, now: int) -> None: ...
    def has_journal(self) -> bool: ...
    def committed(self, events: Sequence[str]) -> set[str]: ...
    def events_behind(
        self, txid: int, sequence: int, types: Sequence[str], limit: int
    ) -> Sequence[tuple[str, int, Event]]: ...
    def claim(self, name: str, now: datetime, every: timedelta) -> str | None: ...
    def put(self, name: str, at: datetime, place: str) -> None: ...
    def purge(self, what: Removable, before: datetime, limit: int) -> int: ...
    def long_logs(self, before: datetime, least: int, limit: int) -> Sequence[str]: ...
    def keys_behind(self, place: str, dead_before: datetime, now: datetime, limit: int) -> SomeKeys: ...
    def idle(self, tenant: Tenant, ids: Sequence[str], now: datetime) -> Iterator[tuple[Key, IdleKey]]: ...
    def note_idle(self, tenant: Tenant, ids: Sequence[str], now: datetime) -> None: ...
