"""Tenants in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenry.core.fields import is_slug
from tokenry.core.model import Tenant
from tokenry.core.records import TENANT

from .fixed import Fixed
from .foreign_tables import foreign, foreign_form, foreign_question
from .tables import (
    credit,
    credit_hold,
    decoy,
    delivery,
    endpoint,
    event,
    idempotency,
    key,
    key_page,
    limit_counter,
    mail,
    mail_stop,
    notice,
    owner,
    portal,
    role,
    scope,
    scope_use,
    secret,
    session,
    signing_key,
    tenant,
    usage_day,
    usage_hour,
)
from .values import LIMITS, stored_row

SELECT = select(*[tenant.c[column] for column in TENANT.columns])
_COLUMNS = dict(zip(TENANT.names, TENANT.columns, strict=True))
_BY_SLUG = SELECT.where(tenant.c.slug == bindparam("slug"))
_LOCKED = {
    None: Fixed(_BY_SLUG),
    "shared": Fixed(_BY_SLUG.with_for_update(read=True)),
    "alone": Fixed(_BY_SLUG.with_for_update()),
}
_BY_ID = Fixed(SELECT.where(tenant.c.id == bindparam("id")))
_PAGE = SELECT.order_by(tenant.c.slug)
_OF_TENANT = (
    *(credit, credit_hold, secret, session, signing_key, limit_counter, usage_hour, usage_day),
    *(decoy, notice, scope_use, idempotency, portal, key_page),
    *(key, owner, role, scope, event, delivery, endpoint, foreign, foreign_form, foreign_question, mail, mail_stop),
)


class TenantRows:
    """Tenants within one transaction. A lock keeps a tenant as it is until the end, without keeping others from it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, record: Tenant) -> None:
        self._connection.execute(insert(tenant), stored_row(TENANT.row(record)))

    def get(self, slug: str, *, lock: str | None = None) -> Tenant | None:
        # A database may refuse other texts with an error.
        if not is_slug(slug):
            return None
        row = _LOCKED[lock].first(self._connection, slug=slug)
        return TENANT.record(row) if row else None

    def by_id(self, id: str) -> Tenant | None:
        row = _BY_ID.first(self._connection, id=id)
        return TENANT.record(row) if row else None

    def list(self, *, after: str | None, limit: int) -> Sequence[Tenant]:
        query = _PAGE.limit(limit)
        if after is not None:
            query = query.where(tenant.c.slug > after)
        return [TENANT.record(row) for row in self._connection.execute(query)]

    def update(self, id: str, values: Mapping[str, Any]) -> None:
        statement = update(tenant).where(tenant.c.id == id)
        if not LIMITS.isdisjoint(values):
            statement = statement.values(limits_version=tenant.c.limits_version + 1)
        self._connection.execute(statement, stored_row({_COLUMNS[name]: value for name, value in values.items()}))

    def delete(self, id: str) -> None:
        """Remove a tenant and what is left of it. Its audit entries stay."""
        for table in _OF_TENANT:
            self._connection.execute(delete(table).where(table.c.tenant_id == id))
        self._connection.execute(delete(tenant).where(tenant.c.id == id))
