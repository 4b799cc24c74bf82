"""Signing keys in SQL. Their private halves arrive here encrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tokenry.core.model import Tenant, micros
from tokenry.core.records import TENANT
from tokenry.core.signing import SigningRow, by_age

from .tables import signing_key, tenant
from .tenants import SELECT

_COLUMNS = [signing_key.c[field.name] for field in fields(SigningRow)]
_OF_TENANT = select(*_COLUMNS).where(signing_key.c.tenant_id == bindparam("tenant_id"))
_TENANT_OF = SELECT.join(signing_key, signing_key.c.tenant_id == tenant.c.id)


class SigningKeyRows:
    """Signing keys within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, row: SigningRow) -> None:
        self._connection.execute(insert(signing_key), asdict(row))

    def list(self, tenant: Tenant) -> Sequence[SigningRow]:
        return self._list(tenant.id)

    def _list(self, tenant_id: str) -> Sequence[SigningRow]:
        rows = [SigningRow(*row) for row in self._connection.execute(_OF_TENANT, {"tenant_id": tenant_id})]
        return sorted(rows, key=by_age)

    def of_kid(self, kid: str) -> tuple[Tenant, Sequence[SigningRow]] | None:
        """Return whose key a kid is, and all keys of that tenant."""
        row = self._connection.execute(_TENANT_OF.where(signing_key.c.kid == kid)).first()
        return (TENANT.record(row), self._list(row.id)) if row else None

    def sealed_under(self, generation: str) -> Sequence[SigningRow]:
        """Return the keys whose private half is encrypted under a generation of the keyring."""
        query = select(*_COLUMNS).where(signing_key.c.generation_id == generation)
        return [SigningRow(*row) for row in self._connection.execute(query)]

    def update(self, kid: str, values: Mapping[str, Any]) -> None:
        self._connection.execute(update(signing_key).where(signing_key.c.kid == kid), dict(values))

    def older(self, active_before: datetime, limit: int) -> Sequence[tuple[Tenant, str]]:
        """Return tenants and algorithms whose active key has signed for too long."""
        query = (
            SELECT.add_columns(signing_key.c.algorithm)
            .join(signing_key, signing_key.c.tenant_id == tenant.c.id)
            .where(signing_key.c.active_at < micros(active_before), signing_key.c.retired_at.is_(None))
            .where(signing_key.c.algorithm != "HS256")
        )
        return [(TENANT.record(row), row.algorithm) for row in self._connection.execute(query.limit(limit))]
