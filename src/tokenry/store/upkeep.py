"""The reads and writes of upkeep for the whole installation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from tokenry.core.idle import DAY, IdleKey
from tokenry.core.key_filter import KeyFilter
from tokenry.core.model import Event, Key, Tenant, micros, moment
from tokenry.core.upkeep_ports import JournalPlace, Removable, SomeKeys

from .columns import ident
from .events import VISIBLE, event_of
from .fixed import Fixed
from .key_filters import Moment
from .keys import KeyRows
from .purge import purge
from .tables import audit_entry, audit_head, event, key, secret, tenant, upkeep
from .tenants import TenantRows

_JOURNAL = "journal:"
_IDS = 500
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_COMMITTED = select(event.c.id).where(event.c.id.in_(bindparam("ids", expanding=True)))
_XMIN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


_LOOKED_AT = (
    "tenant_id",
    "id",
    "revoked_at",
    "disabled_at",
    "expires_at",
    "enabled_at",
    "created_at",
    "decoy",
    "max_idle",
)


def _max_idle(of: Any) -> ColumnElement[int]:
    """Return how long a key may be idle: its own time, else that of its tenant. `of` are the columns of the key."""
    return func.coalesce(of.max_idle, tenant.c.max_idle)


def _may_be_idle(of: Any, now: Moment) -> ColumnElement[bool]:
    """Match the active keys that were not used for so long that a notice is due."""
    most = _max_idle(of)
    notice = case((most < 14 * DAY, most // 2), else_=7 * DAY)
    # One look into the index of secrets for each key: joined, PostgreSQL would rather read all secrets.
    used_at = select(func.max(secret.c.last_used_at)).where(
        secret.c.tenant_id == of.tenant_id, secret.c.key_id == of.id
    )
    return and_(
        most.is_not(None),
        *(of.revoked_at.is_(None), of.disabled_at.is_(None)),
        # A decoy is meant to stay unused.
        of.decoy.is_(False),
        or_(of.expires_at.is_(None), of.expires_at > now),
        func.coalesce(of.enabled_at, of.created_at) + most - notice <= now,
        func.coalesce(used_at.scalar_subquery(), 0) <= now - most + notice,
    )


def _keys_behind() -> Select[Any]:
    order = (key.c.tenant_id, key.c.id)
    behind = tuple_(*order) > tuple_(bindparam("tenant_id", type_=ident), bindparam("id", type_=ident))
    # Cut off before anything else is asked, or PostgreSQL reads every key for each part.
    part = select(*[key.c[name] for name in _LOOKED_AT]).where(behind).order_by(*order).limit(bindparam("most"))
    of, ended = part.subquery().c, bindparam("dead_before", type_=BigInteger)
    dead = or_(of.revoked_at < ended, of.revoked_at.is_(None) & (of.expires_at < ended))
    idle = _may_be_idle(of, bindparam("now", type_=BigInteger))
    query = select(of.tenant_id, of.id, tenant.c.slug, dead.label("dead"), idle.label("idle"))
    return query.join(tenant, tenant.c.id == of.tenant_id).order_by(of.tenant_id, of.id)


_KEYS_BEHIND = Fixed(_keys_behind())
_LONG_LOGS = Fixed(
    select(audit_head.c.tenant_id)
    .where(
        select(audit_entry.c.at)
        .where(
            audit_entry.c.tenant_id == audit_head.c.tenant_id,
            audit_entry.c.position == audit_head.c.cut_position + bindparam("least", type_=BigInteger),
        )
        .scalar_subquery()
        < bindparam("before", type_=BigInteger)
    )
    .limit(bindparam("most"))
)
_PLACE = Fixed(select(upkeep.c.place).where(upkeep.c.name == bindparam("name")))


class UpkeepRows:
    """The installation within one transaction."""

    def __init__(self, connection: Connection, keys: KeyRows) -> None:
        self._connection = connection
        self._keys = keys
        self._dialect = connection.dialect.name

    def journal_place(self, journal: str) -> JournalPlace | None:
        """Return how far this database and a journal agree; None for a journal that it has never used."""
        place = self._place(_JOURNAL + journal)
        return None if place is None else JournalPlace(*json.loads(place))

    def put_journal_place(self, journal: str, place: JournalPlace, now: int) -> None:
        self._put(_JOURNAL + journal, now, json.dumps(place))

    def has_journal(self) -> bool:
        """Tell whether this database has ever agreed with a journal."""
        query = select(literal(1)).where(upkeep.c.name.like(f"{_JOURNAL}%")).limit(1)
        return self._connection.execute(query).first() is not None

    def committed(self, events: Sequence[str]) -> set[str]:
        """Return those of some ids of events that are in the outbox."""
        found: set[str] = set()
        for begin in range(0, len(events), _IDS):
            ids = list(events[begin : begin + _IDS])
            found.update(self._connection.execute(_COMMITTED, {"ids": ids}).scalars())
        return found

    def events_behind(
        self, txid: int, sequence: int, types: Sequence[str], limit: int
    ) -> Sequence[tuple[str, int, Event]]:
        """Return the next events of some types with the ids of their tenants and their transactions.

        None that a running transaction may precede. A place from another server than this one counts from its start.
        """
        if self._dialect == "postgresql" and txid > self._connection.execute(_XMIN).scalar_one():
            txid, sequence = 0, 0
        behind = tuple_(event.c.txid, event.c.sequence) > tuple_(txid, sequence)
        query = select(event).where(behind, VISIBLE[self._dialect], event.c.type.in_(types))
        rows = self._connection.execute(query.order_by(event.c.txid, event.c.sequence).limit(limit)).all()
        tenants = {id: TenantRows(self._connection).by_id(id) for id in {row.tenant_id for row in rows}}
        return [(row.tenant_id, row.txid, event_of(row, found)) for row in rows if (found := tenants[row.tenant_id])]

    def claim(self, name: str, now: datetime, every: timedelta) -> str | None:
        """Take a job that is due, or not finished, and return its place; None when it is neither, or taken.

        It counts as finished unless the transaction, or a later one, puts another place.
        """
        found = select(upkeep.c.at, upkeep.c.place).where(upkeep.c.name == name).with_for_update(skip_locked=True)
        row = self._connection.execute(found).first()
        if row is None:
            begun = _INSERT[self._dialect](upkeep).values(name=name, at=micros(now), place="")
            return "" if self._connection.execute(begun.on_conflict_do_nothing()).rowcount else None
        if not row.place and micros(now) - row.at < every // timedelta(microseconds=1):
            return None
        self.put(name, now if not row.place else moment(row.at), "")
        return str(row.place)

    def put(self, name: str, at: datetime, place: str) -> None:
        """Note when a pass of a job began, and where it goes on: an empty place ends it."""
        self._put(name, micros(at), place)

    def purge(self, what: Removable, before: datetime, limit: int) -> int:
        """Remove some rows of a kind whose time was over before a moment; return how many."""
        return purge(self._connection, what, before, limit)

    def long_logs(self, before: datetime, least: int, limit: int) -> Sequence[str]:
        """Return tenants in whose audit logs so many entries, or more, are older than a moment."""
        return [row.tenant_id for row in _LONG_LOGS(self._connection, before=micros(before), least=least, most=limit)]

    def keys_behind(self, place: str, dead_before: datetime, now: datetime, limit: int) -> SomeKeys:
        """Look at the next keys of all tenants; return those that ended before a moment, and those that may be idle."""
        tenant_id, id = json.loads(place) if place else ("", "")
        given = {"tenant_id": tenant_id, "id": id, "dead_before": micros(dead_before), "now": micros(now)}
        rows = _KEYS_BEHIND(self._connection, **given, most=limit)
        rest = json.dumps([rows[-1].tenant_id, rows[-1].id]) if len(rows) == limit else ""
        newest = rows[::-1]  # the order in which keys are locked
        return SomeKeys(
            rest, [(row.slug, row.id) for row in newest if row.dead], [(row.slug, row.id) for row in newest if row.idle]
        )

    def idle(self, tenant_: Tenant, ids: Sequence[str], now: datetime) -> Iterator[tuple[Key, IdleKey]]:
        """Yield active keys that may be idle, locked, each with what is known of its use."""
        query = (
            select(
                key.c.id, key.c.created_at, key.c.enabled_at, key.c.idle_notice_at, _max_idle(key.c).label("max_idle")
            )
            .join(tenant, tenant.c.id == key.c.tenant_id)
            .where(key.c.tenant_id == tenant_.id, key.c.id.in_(ids), _may_be_idle(key.c, micros(now)))
        )
        locked = query.order_by(key.c.id.desc()).with_for_update(of=key)
        rows = {row.id: row for row in self._connection.execute(locked)}
        found = self._keys.list(tenant_, KeyFilter(ids=tuple(rows)), now, before=None, limit=len(rows)) if rows else []
        for one in found:
            row = rows[one.id]
            used_at = 0 if one.last_used_at is None else micros(one.last_used_at)
            yield one, IdleKey(max(row.created_at, row.enabled_at or 0, used_at), row.max_idle, row.idle_notice_at)

    def note_idle(self, tenant_: Tenant, ids: Sequence[str], now: datetime) -> None:
        """Note that `key.idle` was raised for keys."""
        here = update(key).where(key.c.tenant_id == tenant_.id, key.c.id.in_(ids))
        self._connection.execute(here.values(idle_notice_at=micros(now)))

    def _place(self, name: str) -> str | None:
        row = _PLACE.first(self._connection, name=name)
        return None if row is None else str(row.place)

    def _put(self, name: str, at: int, place: str) -> None:
        values = {"at": at, "place": place}
        statement = _INSERT[self._dialect](upkeep).values(name=name, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[upkeep.c.name], set_=values))
