"""Endpoints and deliveries of webhooks in SQL.

A worker claims an endpoint by a lease in its row. The lease ends by the clock of PostgreSQL, whatever the clocks of the
workers say; on SQLite all workers share one machine and its clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from tokenry.core.model import Event, Tenant, micros, moment, moment_or_none
from tokenry.core.policy import SECOND
from tokenry.core.records import texts
from tokenry.core.webhook_ports import Claim, Cursor, Due, Endpoint, kinds
from tokenry.core.webhooks import Delivery, Webhook, dump_attempts, load_attempts

from .events import VISIBLE, event_of
from .fixed import FixedWrite
from .tables import delivery, endpoint, event, tenant
from .values import stored_row

_CLOCK: ColumnElement[int] = literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")
_HERE = (endpoint.c.tenant_id == bindparam("of_tenant")) & (endpoint.c.id == bindparam("of_id"))
_INSERT = FixedWrite(insert(delivery))
_TRIED = FixedWrite(
    update(delivery).where(
        delivery.c.tenant_id == bindparam("of_tenant"),
        delivery.c.endpoint_id == bindparam("of_endpoint"),
        delivery.c.id == bindparam("of_id"),
    ),
    *("of_tenant", "of_endpoint", "of_id"),
)
_ENDPOINTS = select(endpoint, tenant.c.slug).join(tenant, tenant.c.id == endpoint.c.tenant_id)
_START_OF_POSTGRES: ColumnElement[int] = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1")
_LAST = (1 << 63) - 1


class WebhookRows:
    """Endpoints and deliveries within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def insert(self, tenant: Tenant, webhook: Webhook, sealed: bytes, generation_id: str) -> None:
        """Write an endpoint, which hears of every event that is committed after this transaction began."""
        values = stored_row({field.name: getattr(webhook, field.name) for field in fields(webhook)})
        values["tenant_id"] = values.pop("tenant") and tenant.id
        txid, sequence = self._end(tenant)
        row = {**values, "sealed": sealed, "generation_id": generation_id}
        self._connection.execute(insert(endpoint), {**row, "cursor_txid": txid, "cursor_sequence": sequence})

    def _end(self, tenant: Tenant) -> Cursor:
        if self._dialect == "postgresql":
            return self._connection.execute(select(_START_OF_POSTGRES)).scalar_one(), _LAST
        last = select(func.max(event.c.sequence)).where(event.c.tenant_id == tenant.id, event.c.txid == 0)
        return 0, self._connection.execute(last).scalar() or 0

    def get(self, tenant: Tenant, id: str, *, lock: bool = False) -> Endpoint | None:
        query = _ENDPOINTS.where(_HERE)
        if lock:
            query = query.with_for_update(of=endpoint)
        row = self._connection.execute(query, {"of_tenant": tenant.id, "of_id": id}).first()
        return None if row is None else _endpoint(row)

    def list(self, tenant: Tenant, *, after: str | None, limit: int) -> Sequence[Webhook]:
        query = _ENDPOINTS.where(endpoint.c.tenant_id == tenant.id).order_by(endpoint.c.id).limit(limit)
        if after is not None:
            query = query.where(endpoint.c.id > after)
        return [_endpoint(row).webhook for row in self._connection.execute(query)]

    def update(self, tenant: Tenant, id: str, values: Mapping[str, Any]) -> None:
        given = {"of_tenant": tenant.id, "of_id": id}
        self._connection.execute(update(endpoint).where(_HERE).values(stored_row(values)), given)

    def delete(self, tenant: Tenant, id: str) -> None:
        of_it = (delivery.c.tenant_id == tenant.id) & (delivery.c.endpoint_id == id)
        self._connection.execute(delete(delivery).where(of_it))
        self._connection.execute(delete(endpoint).where(_HERE), {"of_tenant": tenant.id, "of_id": id})

    def sealed_under(self, generation: str) -> Sequence[Endpoint]:
        """Return the endpoints whose secrets are encrypted under a generation of the keyring."""
        query = _ENDPOINTS.where(endpoint.c.generation_id == generation)
        return [_endpoint(row) for row in self._connection.execute(query)]

    def reseal(self, found: Endpoint, sealed: bytes, generation_id: str) -> None:
        values = {"sealed": sealed, "generation_id": generation_id}
        given = {"of_tenant": found.tenant_id, "of_id": found.webhook.id}
        self._connection.execute(update(endpoint).where(_HERE).values(values), given)

    def any_work(self, now: int) -> bool:
        """Tell whether an endpoint has something to do and nobody does it."""
        query = select(literal(1)).select_from(endpoint).where(self._work(endpoint, now)).limit(1)
        return self._connection.execute(query).first() is not None

    def claim(self, holder: str, now: int, seconds: int, limit: int, *, healthy: bool = False) -> Sequence[Claim]:
        """Take endpoints that have something to do for some seconds, those that work before those that fail."""
        candidate = endpoint.alias()
        fits = candidate.c.failure_count == 0 if healthy else literal(True)
        found = (
            select(candidate.c.id)
            .where(self._work(candidate, now), fits)
            .order_by(candidate.c.failure_count, candidate.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(endpoint)
            .where(endpoint.c.id.in_(found))
            .values(lease_until=self._clock(now) + seconds * SECOND, lease_holder=holder)
            .returning(endpoint.c.tenant_id, endpoint.c.id, endpoint.c.lease_holder, endpoint.c.failure_count)
        )
        return [Claim(*row) for row in self._connection.execute(taken)]

    def keep(self, claim: Claim, now: int, seconds: int, values: Mapping[str, Any]) -> bool:
        """Write values of a claimed endpoint and renew its lease (0 seconds: end it); False when it was lost."""
        until = literal(0) if not seconds else self._clock(now) + seconds * SECOND
        statement = update(endpoint).where(_HERE, endpoint.c.lease_holder == claim.holder)
        given = {"of_tenant": claim.tenant_id, "of_id": claim.endpoint_id}
        done = self._connection.execute(statement.values({**stored_row(values), "lease_until": until}), given)
        return bool(done.rowcount == 1)

    def due(self, tenant: Tenant, id: str, now: int, limit: int, *, events: bool) -> Sequence[Due]:
        """Return deliveries whose next attempt is due, the most overdue first, with their events."""
        query = _deliveries(tenant, id).where(
            delivery.c.due_at <= now, delivery.c.kind.in_(kinds(events=events)), delivery.c.due_at.is_not(None)
        )
        found = self._connection.execute(query.order_by(delivery.c.due_at, delivery.c.id).limit(limit)).all()
        ids = [row.event_id for row in found]
        rows = self._connection.execute(select(event).where(event.c.id.in_(ids), event.c.tenant_id == tenant.id))
        by_id = {row.id: event_of(row, tenant) for row in rows} if ids else {}
        return [Due(_delivery(row), by_id.get(row.event_id)) for row in found]

    def events(self, tenant: Tenant, after: Cursor, limit: int) -> Sequence[tuple[Cursor, Event]]:
        """Return the next events behind a cursor with their places; none that a running transaction may precede."""
        query = select(event).where(event.c.tenant_id == tenant.id, VISIBLE[self._dialect], self._behind(*after))
        rows = self._connection.execute(query.order_by(event.c.txid, event.c.sequence).limit(limit))
        return [((row.txid, row.sequence), event_of(row, tenant)) for row in rows]

    def add(self, tenant_id: str, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            _INSERT(self._connection, [{"tenant_id": tenant_id, **_row(one)} for one in deliveries])

    def tried(self, tenant_id: str, deliveries: Sequence[Delivery]) -> None:
        """Write what became of deliveries that were tried again."""
        rows = []
        for one in deliveries:
            row = _row(one)
            changed = {name: row[name] for name in ("status", "due_at", "ended_at", "attempt_count", "attempts")}
            rows.append({**changed, "of_tenant": tenant_id, "of_endpoint": one.webhook, "of_id": one.id})
        if rows:
            _TRIED(self._connection, rows)

    def revive(self, tenant: Tenant, id: str, now: int) -> None:
        """Let everything that waits for an endpoint begin its schedule anew, now."""
        waiting = (delivery.c.tenant_id == tenant.id) & (delivery.c.endpoint_id == id) & (delivery.c.kind == "event")
        statement = update(delivery).where(waiting, delivery.c.status == "pending")
        self._connection.execute(statement.values(due_at=now, attempt_count=0))

    def trim(self, tenant_id: str, id: str, kept: int) -> None:
        """Remove all but the newest deliveries that have ended."""
        ended = (delivery.c.tenant_id == tenant_id) & (delivery.c.endpoint_id == id) & delivery.c.ended_at.is_not(None)
        newest = select(delivery.c.id).where(ended).order_by(delivery.c.id.desc()).limit(kept).subquery()
        oldest = self._connection.execute(select(func.count(), func.min(newest.c.id)).select_from(newest)).one()
        if oldest[0] == kept:
            self._connection.execute(delete(delivery).where(ended, delivery.c.id < oldest[1]))

    def deliveries(
        self, tenant: Tenant, id: str, *, status: str | None, before: str | None, limit: int
    ) -> Sequence[Delivery]:
        """Return deliveries of an endpoint, the newest first."""
        query = _deliveries(tenant, id).order_by(delivery.c.id.desc()).limit(limit)
        if status is not None:
            query = query.where(delivery.c.status == status)
        if before is not None:
            query = query.where(delivery.c.id < before)
        return [_delivery(row) for row in self._connection.execute(query)]

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
    ) -> Sequence[tuple[str, str]]:
        """Return ids and types of events, the oldest first; `failed_at` is an endpoint at which they have failed."""
        rows = _event_table
        query = select(rows.c.id, rows.c.type).where(rows.c.tenant_id == tenant.id, VISIBLE[self._dialect])
        query = query.where(rows.c.subject != not_about)
        if event is not None:
            query = query.where(rows.c.id == event)
        if since is not None:
            query = query.where(rows.c.at >= since)
        if until is not None:
            query = query.where(rows.c.at < until)
        if types is not None:
            query = query.where(rows.c.type.in_(types))
        if failed_at is not None:
            failed = select(delivery.c.event_id).where(
                delivery.c.tenant_id == tenant.id, delivery.c.endpoint_id == failed_at, delivery.c.status == "failed"
            )
            query = query.where(rows.c.id.in_(failed))
        found = self._connection.execute(query.order_by(rows.c.txid, rows.c.sequence).limit(limit))
        return [(row.id, row.type) for row in found]

    def _clock(self, now: int) -> ColumnElement[int]:
        return _CLOCK if self._dialect == "postgresql" else literal(now)

    def _behind(self, txid: Any, sequence: Any) -> ColumnElement[bool]:
        if self._dialect == "sqlite":
            later: ColumnElement[bool] = event.c.sequence > sequence
            return later
        return tuple_(event.c.txid, event.c.sequence) > tuple_(txid, sequence)

    def _work(self, rows: Any, now: int) -> ColumnElement[bool]:
        due = (delivery.c.tenant_id == rows.c.tenant_id) & (delivery.c.endpoint_id == rows.c.id)
        due &= delivery.c.due_at.is_not(None) & (delivery.c.due_at <= now)
        new = (event.c.tenant_id == rows.c.tenant_id) & VISIBLE[self._dialect]
        new &= self._behind(rows.c.cursor_txid, rows.c.cursor_sequence)
        is_live = and_(rows.c.status == "active", rows.c.held_until <= now)
        asked = exists().where(due, delivery.c.kind != "event")
        return and_(
            rows.c.lease_until < self._clock(now),
            or_(asked, and_(is_live, or_(exists().where(due), exists().where(new)))),
        )


_event_table = event


def _deliveries(tenant: Tenant, id: str) -> Any:
    return select(delivery).where(delivery.c.tenant_id == tenant.id, delivery.c.endpoint_id == id)


def _endpoint(row: Any) -> Endpoint:
    webhook = Webhook(
        id=row.id,
        tenant=row.slug,
        url=row.url,
        description=row.description,
        types=texts(row.types),
        include=row.include,
        status=row.status,
        pause_reason=row.pause_reason,
        paused_at=moment_or_none(row.paused_at),
        failing_since=moment_or_none(row.failing_since),
        failure_count=row.failure_count,
        public_key=row.public_key,
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        version=row.version,
    )
    place = (row.cursor_txid, row.cursor_sequence)
    return Endpoint(row.tenant_id, webhook, row.sealed, row.generation_id, place, row.warned_hours, row.held_until)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        webhook=row.endpoint_id,
        event=row.event_id,
        type=row.type,
        kind=row.kind,
        status=row.status,
        created_at=moment(row.created_at),
        due_at=moment_or_none(row.due_at),
        ended_at=moment_or_none(row.ended_at),
        attempt_count=row.attempt_count,
        attempts=load_attempts(row.attempts),
    )


def _row(one: Delivery) -> dict[str, Any]:
    return {
        "endpoint_id": one.webhook,
        "id": one.id,
        "event_id": one.event,
        "type": one.type,
        "kind": one.kind,
        "status": one.status,
        "created_at": micros(one.created_at),
        "due_at": None if one.due_at is None else micros(one.due_at),
        "ended_at": None if one.ended_at is None else micros(one.ended_at),
        "attempt_count": one.attempt_count,
        "attempts": dump_attempts(one.attempts),
    }
