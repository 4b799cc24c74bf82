"""Visits of the key page by a link, in SQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from tokenry.core.model import Owner, Tenant, micros
from tokenry.core.portal import Row
from tokenry.core.records import OWNER

from .portal_tables import key_page, portal
from .tables import owner

_COLUMNS = [portal.c[name] for name in Row.__struct_fields__]
_OWNER = select(*[owner.c[column] for column in OWNER.columns])


class PortalRows:
    """Visits within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, row: Row) -> None:
        values = {name: getattr(row, name) for name in Row.__struct_fields__}
        self._connection.execute(insert(portal), values)

    def get(self, id: str) -> Row | None:
        found = self._connection.execute(select(*_COLUMNS).where(portal.c.id == id)).first()
        return Row(*found) if found else None

    def owner(self, tenant: Tenant, id: str) -> Owner | None:
        """Return an owner by its id, who may have been deleted or disabled."""
        found = self._connection.execute(_OWNER.where(owner.c.tenant_id == tenant.id, owner.c.id == id)).first()
        return OWNER.record(found, tenant=tenant.slug) if found else None

    def enter(self, row: Row) -> bool:
        """Write a visit as it is after the exchange of its code; return False when the code was used or has ended."""
        unused = (portal.c.id == row.id, portal.c.entered_at.is_(None), portal.c.ended_at.is_(None))
        values = {name: getattr(row, name) for name in ("document", "generation_id", "mac", "ends_at", "entered_at")}
        return bool(self._connection.execute(update(portal).where(*unused).values(**values)).rowcount)

    def is_open(self, tenant: Tenant, id: str, now: datetime) -> bool:
        query = select(portal.c.id).where(portal.c.id == id, portal.c.tenant_id == tenant.id)
        query = query.where(portal.c.ended_at.is_(None), portal.c.ends_at > micros(now))
        return self._connection.execute(query).first() is not None

    def open_count(self, key_id: str, now: datetime, most: int) -> int:
        """Count the open visits and unused links, in any tenant, that a key made; stop at `most`."""
        of_key = (portal.c.maker_key_id == key_id, portal.c.ended_at.is_(None), portal.c.ends_at > micros(now))
        found = select(portal.c.id).where(*of_key).limit(most).subquery()
        return self._connection.execute(select(func.count()).select_from(found)).scalar_one()

    def end_all(self, tenant: Tenant, owner_id: str, now: datetime) -> None:
        """End every visit of an owner, and every link to one."""
        of_owner = (portal.c.tenant_id == tenant.id, portal.c.owner_id == owner_id, portal.c.ended_at.is_(None))
        self._connection.execute(update(portal).where(*of_owner).values(ended_at=micros(now)))

    def settings(self, tenant: Tenant) -> str | None:
        """Return the settings of a tenant's key page as they are stored."""
        query = select(key_page.c.settings).where(key_page.c.tenant_id == tenant.id)
        return self._connection.execute(query).scalars().first()

    def put_settings(self, tenant: Tenant, settings: str) -> None:
        """Write the settings of a tenant's key page; nobody else changes the tenant meanwhile."""
        here = update(key_page).where(key_page.c.tenant_id == tenant.id)
        if not self._connection.execute(here.values(settings=settings)).rowcount:
            self._connection.execute(insert(key_page), {"tenant_id": tenant.id, "settings": settings})
