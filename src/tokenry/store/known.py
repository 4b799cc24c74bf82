"""Rows that keys in an SQLite file share, as of one commit: owners and tenants, and the scopes of roles.

They cannot change while nobody commits, so a lookup reads nothing but the row of the secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from tokenry.core.document import Seals
from tokenry.core.grant import Row
from tokenry.core.memo import KIB, MIB, Memo

from .lookup import OWNER_ALONE, ROLES_ALONE, SPOILED, TENANT_ALONE, Of, document_of, owner_of, row_of, tenant_of
from .lookup import unreadable as _unreadable

Ask: TypeAlias = Callable[[str, tuple[str, ...]], Any]
"""Runs a statement and returns its first row, or None."""


class Known:
    """The rows read since one commit. After the next commit another object takes its place."""

    def __init__(self, version: bytes | None, seals: Seals, ask: Ask) -> None:
        self.version: Final = version
        self._seals = seals
        self._ask = ask
        self._owners: Memo[tuple[str, str], Of] = Memo(_size, bytes_max=2 * MIB, each_max=8 * KIB)
        self._tenants: Memo[str, Of] = Memo(_size, bytes_max=MIB, each_max=8 * KIB)
        self._roles: Memo[tuple[str, str], str] = Memo(_length, bytes_max=MIB, each_max=8 * KIB)

    def complete(self, secret: tuple[Any, ...] | None) -> Row | None:
        """Return the row of a secret that was found, as `lookup.read` does."""
        if secret is None:
            return None
        try:
            key = document_of(secret, self._seals)
            if key is None:
                return None
            owner = self._owners.get((key.tenant_id, key.owner_id)) or self._owner(key.tenant_id, key.owner_id)
            tenant = self._tenants.get(key.tenant_id) or self._tenant(key.tenant_id)
            if owner is None or tenant is None:
                return None
            scopes = None if key.roles == "[]" else self._scopes(key.tenant_id, key.roles)
            return row_of(secret, key, owner, tenant, scopes, self._seals)
        except SPOILED as error:
            _unreadable(error)
            return None

    def _owner(self, tenant_id: str, id: str) -> Of | None:
        found = self._ask(OWNER_ALONE, (tenant_id, id))
        return self._owners.put((tenant_id, id), owner_of(found[0])) if found else None

    def _tenant(self, id: str) -> Of | None:
        found = self._ask(TENANT_ALONE, (id,))
        return self._tenants.put(id, tenant_of(found[0])) if found else None

    def _scopes(self, tenant_id: str, roles: str) -> str:
        found = self._roles.get((tenant_id, roles))
        return found or self._roles.put((tenant_id, roles), self._ask(ROLES_ALONE, (roles, tenant_id))[0])


def _size(_: object, of: Of) -> int:
    return 2 * len(bytes(of.record))


def _length(key: tuple[str, str], scopes: str) -> int:
    return len(key[1]) + len(scopes)
