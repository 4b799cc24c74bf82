"""Imported keys in SQL: where they came from, their old hashes, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from tokenry.core.foreign import ForeignRow, Form, Question
from tokenry.core.model import Tenant, micros

from .fixed import Fixed, FixedWrite, among
from .foreign_tables import foreign, foreign_form, foreign_question
from .tables import tenant as tenants

_COLUMNS = [foreign.c[name] for name in ForeignRow._fields]
_INSERT = FixedWrite(insert(foreign))
_INSERT_FORM = FixedWrite(insert(foreign_form))
_HINTED = Fixed(select(*_COLUMNS).where(among(foreign.c.hint, "hints")))
_KNOWN = {
    "sqlite": Fixed(
        select(foreign.c.source_id, foreign.c.key_id).where(
            foreign.c.tenant_id == bindparam("tenant_id"),
            foreign.c.source == bindparam("source"),
            among(foreign.c.source_id, "ids"),
        )
    ),
    # LATERAL, so that each id is one look into an index, also while PostgreSQL has no statistics of the table.
    "postgresql": Fixed(
        text("""
        SELECT found.source_id, found.key_id FROM unnest(CAST(:ids AS text[])) AS asked(source_id)
        CROSS JOIN LATERAL (
            SELECT f.source_id, f.key_id FROM tokenry_foreign f
            WHERE f.tenant_id = :tenant_id AND f.source = :source AND f.source_id = asked.source_id LIMIT 1
        ) AS found
        """),
        ("source_id", "key_id"),
    ),
}
_FORMS = Fixed(
    select(
        foreign_form.c.tenant_id,
        tenants.c.slug.label("tenant"),
        foreign_form.c.prefix,
        foreign_form.c.kind,
        foreign_form.c.size,
    )
    .join(tenants, tenants.c.id == foreign_form.c.tenant_id)
    .order_by(foreign_form.c.created_at, foreign_form.c.tenant_id)
    .limit(bindparam("most"))
)
_UPGRADED = FixedWrite(
    update(foreign)
    .where(foreign.c.tenant_id == bindparam("of_tenant"), foreign.c.key_id == bindparam("of_key"))
    .where(foreign.c.sealed.is_not(None)),
    "of_tenant",
    "of_key",
)
_FORMS_READ = 1000
_CLAIM = FixedWrite(
    text("""
        INSERT INTO tokenry_foreign_question (tenant_id, id, holder, ends_at, is_unknown)
        VALUES (:tenant_id, :id, :holder, :ends_at, 0)
        ON CONFLICT (tenant_id, id) DO UPDATE SET holder = :holder, ends_at = :ends_at, is_unknown = 0
        WHERE tokenry_foreign_question.ends_at <= :now
        OR (tokenry_foreign_question.holder = :holder AND tokenry_foreign_question.is_unknown = 0)
    """),
    *(*Question._fields, "ends_at", "now"),
)
_THIS = (
    foreign_question.c.tenant_id == bindparam("of_tenant"),
    foreign_question.c.id == bindparam("of_id"),
)
_IS_UNKNOWN = Fixed(select(foreign_question.c.is_unknown).where(*_THIS))
_HELD = (*_THIS, foreign_question.c.holder == bindparam("of_holder"))
_OF_QUESTION = ("of_tenant", "of_id", "of_holder")
_UNKNOWN = FixedWrite(update(foreign_question).where(*_HELD), *_OF_QUESTION)
_ANSWERED = FixedWrite(delete(foreign_question).where(*_HELD), *_OF_QUESTION)


class ForeignRows:
    """Imported keys within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, rows: Sequence[ForeignRow], now: datetime) -> None:
        at = micros(now)
        _INSERT(self._connection, [{**row._asdict(), "imported_at": at, "upgraded_at": None} for row in rows])

    def hinted(self, hints: Iterable[str]) -> Sequence[ForeignRow]:
        """Return the rows with some hints, whatever their tenants."""
        return [ForeignRow(*row) for row in _HINTED(self._connection, hints=list(hints))]

    def known(self, tenant: Tenant, source: str, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the keys that were imported already, by their ids in a source."""
        known = _KNOWN[self._connection.dialect.name]
        rows = known(self._connection, tenant_id=tenant.id, source=source, ids=list(ids))
        return {row.source_id: row.key_id for row in rows}

    def upgraded(self, row: ForeignRow, kid: str, generation: str, now: datetime) -> bool:
        """Forget an old hash, since the key has a digest of ours from now on; return whether it was still there."""
        where = {"of_tenant": row.tenant_id, "of_key": row.key_id}
        gone: dict[str, None] = {"hint": None, "hint_place": None, "sealed": None}
        values = {**gone, "kid": kid, "generation_id": generation, "upgraded_at": micros(now)}
        return _UPGRADED(self._connection, {**where, **values}) == 1

    def forms(self) -> Sequence[Form]:
        """Return how foreign keys look, in all tenants; the form that was there first comes first."""
        return [Form(*row) for row in _FORMS(self._connection, most=_FORMS_READ)]

    def add_forms(self, forms: Iterable[Form], now: datetime) -> None:
        at = micros(now)
        rows = [{"tenant_id": f.tenant_id, "prefix": f.prefix, "kind": f.kind, "size": f.size} for f in forms]
        if rows:
            _INSERT_FORM(self._connection, [{**row, "created_at": at} for row in rows])

    def claim(self, question: Question, now: int, ends_at: int) -> bool:
        """Begin to ask a question until a moment; return False when another process asks it, or was told the answer."""
        return _CLAIM(self._connection, {**question._asdict(), "now": now, "ends_at": ends_at}) == 1

    def is_unknown(self, question: Question) -> bool:
        """Tell whether somebody was told, not long ago, that the old system does not know the key."""
        row = _IS_UNKNOWN.first(self._connection, of_tenant=question.tenant_id, of_id=question.id)
        return row is not None and bool(row.is_unknown)

    def answered(self, question: Question, unknown_until: int | None) -> None:
        """End a question; when the old system does not know the key, nobody asks again until a moment."""
        here = dict(zip(_OF_QUESTION, question, strict=True))
        if unknown_until is None:
            _ANSWERED(self._connection, here)
        else:
            _UNKNOWN(self._connection, {**here, "ends_at": unknown_until, "is_unknown": 1})
