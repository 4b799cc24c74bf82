"""The store's interface for webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .model import Event, Tenant
from .webhooks import Delivery, DeliveryKind, Webhook

Cursor = tuple[int, int]
"""A place in the outbox: the id of the transaction (0 on SQLite) and the sequence."""


class Interrupted(Exception):
    """A request was given up since the process ends: that says nothing of its endpoint."""


class Claim(NamedTuple):
    """An endpoint that one worker may deliver to until its lease ends."""

    tenant_id: str
    endpoint_id: str
    holder: str
    failure_count: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as deliveries need it: the record, its encrypted secrets and where it stands."""

    tenant_id: str
    webhook: Webhook
    sealed: bytes = field(repr=False)
    generation_id: str
    cursor: Cursor
    warned_hours: int
    held_until: int


class Due(NamedTuple):
    """A delivery that is due: its row, and its event, None when that is gone or was made up for a test."""

    delivery: Delivery
    event: Event | None


class WebhookRows(Protocol):
    def insert(self, tenant: Tenant, webhook: Webhook, sealed: bytes, generation_id: str) -> None: ...
    def get(self, tenant: Tenant, id: str, *, lock: bool = False) -> Endpoint | None: ...
    def list(self, tenant: Tenant, *, after: str | None, limit: int) -> Sequence[Webhook]: ...
    def update(self, tenant: Tenant, id: str, values: Mapping[str, Any]) -> None: ...
    def delete(self, tenant: Tenant, id: str) -> None: ...
    def sealed_under(self, generation: str) -> Sequence[Endpoint]: ...
    def reseal(self, endpoint: Endpoint, sealed: bytes, generation_id: str) -> None: ...
    def any_work(self, now: int) -> bool: ...
    def claim(self, holder: str, now: int, seconds: int, limit: int, *, healthy: bool = False) -> Sequence[Claim]: ...
    def keep(self, claim: Claim, now: int, seconds: int, values: Mapping[str, Any]) -> bool: ...
    def due(self, tenant: Tenant, id: str, now: int, limit: int, *, events: bool) -> Sequence[Due]: ...
    def events(self, tenant: Tenant, after: Cursor, limit: int) -> Sequence[tuple[Cursor, Event]]: ...
    def add(self, tenant_id: str, deliveries: Sequence[Delivery]) -> None: ...
    def tried(self, tenant_id: str, deliveries: Sequence[Delivery]) -> None: ...
    def revive(self, tenant: Tenant, id: str, now: int) -> None: ...
    def trim(self, tenant_id: str, id: str, kept: int) -> None: ...
    def deliveries(
        self, tenant: Tenant, id: str, *, status: str | None, before: str | None, limit: int
    ) -> Sequence[Delivery]: ...
    def matching(
        self,
        tenant: Tenant,
        *,
        event: str | None,
        since: int | None,
        until: int | None,
        types: Sequence[str] | None,
        failed_at: str | None,
        not_about: str,
        limit: int,
    ) -> Sequence[tuple[str, str]]: ...


def kinds(*, events: bool) -> tuple[DeliveryKind, ...]:
    """Return the kinds of deliveries that are made: a paused endpoint gets tests and replays only."""
    return ("event", "replay", "test") if events else ("replay", "test")
