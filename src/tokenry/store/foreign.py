"""Imported keys in SQL: where they came from, their old hashes, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from tokenry.core.foreign import ForeignRow, Form
from tokenry.core.model import Tenant, micros

from .fixed import Fixed, FixedWrite, among
from .foreign_tables import foreign, foreign_form
from .tables import tenant as tenants

_COLUMNS = [foreign.c[name] for name in ForeignRow._fields]
_INSERT = FixedWrite(insert(foreign))
_INSERT_FORM = FixedWrite(insert(foreign_form))
_HINTED = Fixed(select(*_COLUMNS).where(among(foreign.c.hint, "hints")))
_KNOWN = Fixed(
    select(foreign.c.source_id, foreign.c.key_id).where(
        foreign.c.tenant_id == bindparam("tenant_id"),
        foreign.c.source == bindparam("source"),
        among(foreign.c.source_id, "ids"),
    )
)
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
        rows = _KNOWN(self._connection, tenant_id=tenant.id, source=source, ids=list(ids))
        return {row.source_id: row.key_id for row in rows}

    def upgraded(self, row: ForeignRow, kid: str, generation: str, now: datetime) -> bool:
        """Forget an old hash, since the key has a digest of ours from now on; return whether it was still there."""
        where = {"of_tenant": row.tenant_id, "of_key": row.key_id}
        values = {"hint": None, "sealed": None, "kid": kid, "generation_id": generation, "upgraded_at": micros(now)}
        return _UPGRADED(self._connection, {**where, **values}) == 1

    def forms(self) -> Sequence[Form]:
        """Return how foreign keys look, in all tenants; the form that was there first comes first."""
        return [Form(*row) for row in _FORMS(self._connection, most=_FORMS_READ)]

    def add_forms(self, forms: Iterable[Form], now: datetime) -> None:
        at = micros(now)
        rows = [{"tenant_id": f.tenant_id, "prefix": f.prefix, "kind": f.kind, "size": f.size} for f in forms]
        if rows:
            _INSERT_FORM(self._connection, [{**row, "created_at": at} for row in rows])
