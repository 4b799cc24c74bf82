"""Tenants that reads need not read again, as long as memory is trusted: a change of a tenant clears memory."""

from __future__ import annotations

from tokenry.core.memo import KIB, MIB, Memo
from tokenry.core.model import Tenant

from .memory import Memory


class TenantMemory:
    """Tenants by slug, each with the count of clears of `memory` before it was read."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        self._tenants: Memo[str, tuple[int, Tenant]] = Memo(_size, bytes_max=MIB, each_max=16 * KIB)

    def mark(self) -> int | None:
        """Return the mark to pass to `keep` after a read that begins now; None while the cache is not trusted."""
        return self._memory.clears if self._memory.entries and self._memory.is_trusted() else None

    def get(self, slug: str, mark: int | None) -> Tenant | None:
        """Return a tenant that nobody has changed since it was read."""
        found = self._tenants.get(slug) if mark is not None else None
        return found[1] if found is not None and found[0] == mark else None

    def keep(self, tenant: Tenant, mark: int | None) -> Tenant:
        """Remember a tenant that was read after `mark`, and return it."""
        if mark is not None:
            self._tenants.put(tenant.slug, (mark, tenant))
        return tenant


def _size(slug: str, kept: tuple[int, Tenant]) -> int:
    tenant = kept[1]
    return 1000 + 4 * len(tenant.name) + 200 * (len(tenant.default_limits) + len(tenant.shared_limits))
