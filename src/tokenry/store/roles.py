"""Roles and the catalogue of scopes in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenry.core.model import Role, Tenant
from tokenry.core.records import texts

from .fixed import Fixed, among
from .tables import role, scope
from .values import stored

_ROLES = select(role.c.name, role.c.scopes).where(role.c.tenant_id == bindparam("tenant_id"))
_NAMED = Fixed(_ROLES.where(among(role.c.name, "names")))
_SCOPES = select(scope.c.name).where(scope.c.tenant_id == bindparam("tenant_id")).order_by(scope.c.place)


class RoleRows:
    """Roles within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, tenant: Tenant, record: Role) -> None:
        values = {"scopes": stored(record.scopes)}
        here = update(role).where(role.c.tenant_id == tenant.id, role.c.name == record.name)
        if not self._connection.execute(here, values).rowcount:
            self._connection.execute(insert(role), {"tenant_id": tenant.id, "name": record.name, **values})

    def get(self, tenant: Tenant, names: Sequence[str]) -> Sequence[Role]:
        if not names:
            return []
        rows = _NAMED(self._connection, tenant_id=tenant.id, names=list(names))
        return [Role(tenant=tenant.slug, name=row.name, scopes=texts(row.scopes)) for row in rows]

    def list(self, tenant: Tenant, *, after: str | None, limit: int) -> Sequence[Role]:
        query = _ROLES.order_by(role.c.name).limit(limit)
        if after is not None:
            query = query.where(role.c.name > after)
        rows = self._connection.execute(query, {"tenant_id": tenant.id})
        return [Role(tenant=tenant.slug, name=row.name, scopes=texts(row.scopes)) for row in rows]

    def delete(self, tenant: Tenant, name: str) -> bool:
        statement = delete(role).where(role.c.tenant_id == tenant.id, role.c.name == name)
        return self._connection.execute(statement).rowcount == 1


class ScopeRows:
    """The catalogue of scopes within one transaction, in the order in which it was given."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, tenant: Tenant) -> Sequence[str]:
        return self._connection.execute(_SCOPES, {"tenant_id": tenant.id}).scalars().all()

    def replace(self, tenant: Tenant, scopes: Sequence[str]) -> None:
        self._connection.execute(delete(scope).where(scope.c.tenant_id == tenant.id))
        if scopes:
            rows = [{"tenant_id": tenant.id, "name": n, "place": place} for place, n in enumerate(scopes)]
            self._connection.execute(insert(scope), rows)
