"""The interface of the audit log: entries, the chain that seals them, and its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .model import Entry, Tenant


@dataclass(frozen=True, slots=True)
class Sealed:
    """One audit entry with what protects it."""

    entry: Entry
    generation: str
    mac: str
    chain: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The end of a tenant's audit chain, and the point where retention has cut its front."""

    position: int
    chain: str
    at: datetime
    generation: str
    signature: str
    cut_position: int = 0
    cut_chain: str = ""
    cut_signature: str = ""


class AuditRows(Protocol):
    def insert(self, tenant: Tenant, entries: Sequence[Sealed]) -> None: ...
    def list(
        self, tenant: Tenant, which: Mapping[str, str], *, before: str | None, until: str | None = None, limit: int
    ) -> Sequence[Entry]: ...
    def reach(self, tenant: Tenant, which: Mapping[str, str], *, before: str | None) -> str | None: ...
    def unsealed_tenants(self) -> Sequence[str]: ...
    def unsealed(self, tenant_id: str, limit: int) -> Sequence[Sealed]: ...
    def to_seal(self, tenant_id: str, limit: int) -> Sequence[tuple[str, str]]: ...
    def chain(self, tenant_id: str, after: int | None, limit: int) -> Sequence[Sealed]: ...
    def seal(self, tenant_id: str, links: Sequence[tuple[str, int, str]]) -> None: ...
    def head(self, tenant_id: str, *, lock: bool = False) -> HeadRow | None: ...
    def begin(self, tenant_id: str, head: HeadRow) -> None: ...
    def put_head(self, tenant_id: str, head: HeadRow) -> None: ...
    def cut(self, tenant_id: str, after: int, position: int) -> int: ...
    def needing(self, generation: str) -> tuple[int, int]: ...
