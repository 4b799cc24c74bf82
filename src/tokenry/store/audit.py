"""The audit log in SQL: entries, the chain that seals them, and its head."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select, text, update

from tokenry.core.audit_ports import HeadRow, Sealed
from tokenry.core.model import Entry, Tenant, micros, moment

from .fixed import Fixed, FixedWrite, array
from .reach import reach
from .tables import audit_entry, audit_head, tenant
from .values import plain_json, stored_row

_INSERT = FixedWrite(insert(audit_entry))
_SELECT = select(audit_entry, tenant.c.slug).outerjoin(tenant, tenant.c.id == audit_entry.c.tenant_id)
_SEAL = FixedWrite(
    update(audit_entry)
    .where(audit_entry.c.tenant_id == bindparam("of_tenant"), audit_entry.c.id == bindparam("of_id"))
    .values(position=bindparam("at_position"), chain=bindparam("link")),
    *("of_tenant", "of_id", "at_position", "link"),
)
# On PostgreSQL one statement seals many entries. Each list is read once; JSON would be parsed value by value.
_SEAL_TOGETHER = FixedWrite(
    text("""
        UPDATE tokenry_audit_entry SET position = link.position, chain = link.chain
        FROM unnest(CAST(:ids AS text[]), CAST(:positions AS bigint[]), CAST(:chains AS text[]))
            AS link (id, position, chain)
        WHERE tokenry_audit_entry.tenant_id = :of_tenant AND tokenry_audit_entry.id = link.id
    """),
    *("of_tenant", "ids", "positions", "chains"),
)
# Asked every second. Left to itself SQLite would walk over every entry there ever was.
_UNSEALED_TENANTS = {
    dialect: text(f"SELECT DISTINCT tenant_id FROM tokenry_audit_entry {by} WHERE position IS NULL")  # noqa: S608
    for dialect, by in (("sqlite", "INDEXED BY tokenry_audit_unsealed"), ("postgresql", ""))
}
_UNSEALED = _SELECT.where(audit_entry.c.tenant_id == bindparam("tenant_id"), audit_entry.c.position.is_(None)).order_by(
    audit_entry.c.id
)
_TO_SEAL = Fixed(
    select(audit_entry.c.id, audit_entry.c.mac)
    .where(audit_entry.c.tenant_id == bindparam("tenant_id"), audit_entry.c.position.is_(None))
    .order_by(audit_entry.c.id)
    .limit(bindparam("most"))
)
_CHAIN = _SELECT.where(audit_entry.c.tenant_id == bindparam("tenant_id"), audit_entry.c.position.is_not(None)).order_by(
    audit_entry.c.position
)
_CHAIN_AFTER = _CHAIN.where(audit_entry.c.position > bindparam("after"))
_HEAD = select(audit_head).where(audit_head.c.tenant_id == bindparam("tenant_id"))


class AuditRows:
    """Audit entries within one transaction. There is no way to change what an entry says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, tenant: Tenant, entries: Sequence[Sealed]) -> None:
        rows = [
            {
                "tenant_id": tenant.id,
                "id": sealed.entry.id,
                "at": micros(sealed.entry.at),
                "actor": sealed.entry.actor,
                "action": sealed.entry.action,
                "subject": sealed.entry.subject,
                "before": None if sealed.entry.before is None else plain_json(sealed.entry.before),
                "after": None if sealed.entry.after is None else plain_json(sealed.entry.after),
                "ip": sealed.entry.ip,
                "request_id": sealed.entry.request_id,
                "trace_id": sealed.entry.trace_id,
                "generation": sealed.generation,
                "mac": sealed.mac,
            }
            for sealed in entries
        ]
        _INSERT(self._connection, rows)

    def list(
        self, tenant: Tenant, which: Mapping[str, str], *, before: str | None, until: str | None = None, limit: int
    ) -> Sequence[Entry]:
        query = _in_front(_SELECT, tenant, before)
        for name, value in which.items():
            query = query.where(audit_entry.c[name] == value)
        if until is not None:
            query = query.where(audit_entry.c.id >= until)
        rows = self._connection.execute(query.order_by(audit_entry.c.id.desc()).limit(limit))
        return [_entry_of(row) for row in rows]

    def reach(self, tenant: Tenant, which: Mapping[str, str], *, before: str | None) -> str | None:
        """Return the id at which a page of `list` ends, however few it has found; None when it may look at all."""
        if not which or "subject" in which:  # the entries of one subject have an index
            return None
        return reach(self._connection, _in_front(select(audit_entry.c.id), tenant, before), audit_entry.c.id)

    def unsealed_tenants(self) -> Sequence[str]:
        return self._connection.execute(_UNSEALED_TENANTS[self._connection.dialect.name]).scalars().all()

    def unsealed(self, tenant_id: str, limit: int) -> Sequence[Sealed]:
        rows = self._connection.execute(_UNSEALED.limit(limit), {"tenant_id": tenant_id})
        return [_sealed_of(row) for row in rows]

    def to_seal(self, tenant_id: str, limit: int) -> Sequence[tuple[str, str]]:
        """Return id and MAC of the entries that `unsealed` returns: a link of the chain binds nothing else of them."""
        return [(row.id, row.mac) for row in _TO_SEAL(self._connection, tenant_id=tenant_id, most=limit)]

    def chain(self, tenant_id: str, after: int | None, limit: int) -> Sequence[Sealed]:
        """Return sealed entries in the order of the chain, behind a position or (None) from whatever stands first."""
        query = _CHAIN if after is None else _CHAIN_AFTER
        place = {"tenant_id": tenant_id} if after is None else {"tenant_id": tenant_id, "after": after}
        rows = self._connection.execute(query.limit(limit), place)
        return [_sealed_of(row) for row in rows]

    def seal(self, tenant_id: str, links: Sequence[tuple[str, int, str]]) -> None:
        if self._connection.dialect.name == "postgresql":
            ids, positions, chains = map(array, zip(*links, strict=True))
            lists = {"ids": ids, "positions": positions, "chains": chains}
            _SEAL_TOGETHER(self._connection, {"of_tenant": tenant_id, **lists})
            return
        rows = [
            {"of_tenant": tenant_id, "of_id": id, "at_position": position, "link": link} for id, position, link in links
        ]
        _SEAL(self._connection, rows)

    def head(self, tenant_id: str, *, lock: bool = False) -> HeadRow | None:
        query = _HEAD.with_for_update() if lock else _HEAD
        row = self._connection.execute(query, {"tenant_id": tenant_id}).first()
        if row is None:
            return None
        return HeadRow(
            row.position,
            row.chain,
            moment(row.at),
            row.generation,
            row.signature,
            row.cut_position,
            row.cut_chain,
            row.cut_signature,
        )

    def begin(self, tenant_id: str, head: HeadRow) -> None:
        """Insert the head of a chain that nobody has begun; raise Clash if somebody has."""
        self._connection.execute(insert(audit_head), {"tenant_id": tenant_id, **stored_row(asdict(head))})

    def put_head(self, tenant_id: str, head: HeadRow) -> None:
        """Replace the head of a chain."""
        here = update(audit_head).where(audit_head.c.tenant_id == tenant_id)
        self._connection.execute(here, stored_row(asdict(head)))

    def cut(self, tenant_id: str, after: int, position: int) -> int:
        """Remove the sealed entries behind one position up to another; return how many."""
        behind = audit_entry.c.position > after, audit_entry.c.position <= position
        gone = delete(audit_entry).where(audit_entry.c.tenant_id == tenant_id, *behind)
        return self._connection.execute(gone).rowcount

    def needing(self, generation: str) -> tuple[int, int]:
        """Count the entries, and the ends of logs, that cannot be checked without a generation of the keyring."""
        mac, link = audit_entry.c.generation == generation, _begins(audit_entry.c.chain, generation)
        entries = select(func.count()).select_from(audit_entry).where(mac | link)
        head, cut = _begins(audit_head.c.signature, generation), _begins(audit_head.c.cut_signature, generation)
        ends = select(func.count()).select_from(audit_head).where(head | cut)
        return int(self._connection.execute(entries).scalar_one()), int(self._connection.execute(ends).scalar_one())


def _in_front(query: Select[Any], tenant: Tenant, before: str | None) -> Select[Any]:
    query = query.where(audit_entry.c.tenant_id == tenant.id)
    return query if before is None else query.where(audit_entry.c.id < before)


def _begins(column: Any, generation: str) -> ColumnElement[bool]:
    mark = f"{generation}:"
    return func.substr(column, 1, len(mark)) == mark


def _entry_of(row: Any) -> Entry:
    return Entry(
        id=row.id,
        at=moment(row.at),
        tenant=row.slug or "",
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        before=json.loads(row.before) if row.before is not None else None,
        after=json.loads(row.after) if row.after is not None else None,
        ip=row.ip,
        request_id=row.request_id,
        position=row.position,
        trace_id=row.trace_id,
    )


def _sealed_of(row: Any) -> Sealed:
    return Sealed(_entry_of(row), row.generation, row.mac, row.chain)
