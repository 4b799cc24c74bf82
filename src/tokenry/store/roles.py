"""Roles and the catalogue of scopes in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tokenry.core.model import Role, Tenant, micros
from tokenry.core.ports import RoleHolder
from tokenry.core.records import texts

from .documents import Documents
from .fixed import Fixed, FixedWrite, among
from .reach import reach
from .tables import key, owner, role, scope
from .values import holds, stored

_ROLES = select(role.c.name, role.c.scopes).where(
    role.c.tenant_id == bindparam("tenant_id"), role.c.deleted_at.is_(None)
)
_NAMED = Fixed(_ROLES.where(among(role.c.name, "names")))
_SCOPES = select(scope.c.name).where(scope.c.tenant_id == bindparam("tenant_id")).order_by(scope.c.place)


_INSERT_SCOPE = FixedWrite(insert(scope))
_HOLDERS = {"owner": owner, "key": key}


class RoleRows:
    """Roles within one transaction."""

    def __init__(self, connection: Connection, documents: Documents) -> None:
        self._connection = connection
        self._documents = documents

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

    def mark_deleted(self, tenant: Tenant, name: str, now: datetime) -> None:
        """Let a role grant nothing and be found no more, while owners and keys still name it."""
        here = update(role).where(role.c.tenant_id == tenant.id, role.c.name == name)
        self._connection.execute(here.values(scopes="[]", deleted_at=micros(now)))

    def marked(self, tenant: Tenant, names: Sequence[str]) -> Sequence[str]:
        """Return those of some roles that are marked as deleted, and not removed yet."""
        query = select(role.c.name).where(role.c.tenant_id == tenant.id, role.c.name.in_(names))
        return self._connection.execute(query.where(role.c.deleted_at.is_not(None))).scalars().all()

    def remove_marked(self, tenant: Tenant, name: str) -> None:
        """Remove a role that is marked as deleted."""
        statement = delete(role).where(role.c.tenant_id == tenant.id, role.c.name == name)
        self._connection.execute(statement.where(role.c.deleted_at.is_not(None)))

    def holders(
        self, tenant: Tenant, kind: RoleHolder, name: str, *, before: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]:
        """Return ids of the newest owners or keys that name a role, and where to go on if that is not the end."""
        table = _HOLDERS[kind]
        query = select(table.c.id).where(table.c.tenant_id == tenant.id)
        if before is not None:
            query = query.where(table.c.id < before)
        until = reach(self._connection, query, table.c.id)
        if until is not None:
            query = query.where(table.c.id >= until)
        query = query.where(holds(table.c.roles, name)).order_by(table.c.id.desc()).limit(limit)
        found = self._connection.execute(query).scalars().all()
        return found, found[-1] if len(found) == limit else until

    def drop(self, tenant: Tenant, kind: RoleHolder, name: str, ids: Sequence[str], now: datetime) -> None:
        """Remove a role from some owners or keys."""
        table = _HOLDERS[kind]
        query = select(table.c.id, table.c.roles).where(table.c.tenant_id == tenant.id, table.c.id.in_(ids))
        rows = self._connection.execute(query.order_by(table.c.id.desc()).with_for_update()).all()
        here = update(table).where(table.c.tenant_id == tenant.id, table.c.id == bindparam("of_id"))
        values: dict[str, Any] = {"roles": bindparam("left"), "updated_at": micros(now)}
        if kind == "key":
            values["version"] = key.c.version + 1
        left = [{"of_id": row.id, "left": stored([one for one in texts(row.roles) if one != name])} for row in rows]
        if left:
            self._connection.execute(here.values(values), left)
        if kind == "key":
            for row in rows:
                self._documents.drop_role(tenant.id, row.id, name, {"updated_at": micros(now)})


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
            _INSERT_SCOPE(self._connection, rows)
