"""The store's interface for the last refusals of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .model import Tenant
from .refusals import NotedRefusal, Refusal


class RefusalRows(Protocol):
    def add(self, noted: Sequence[tuple[str, NotedRefusal]]) -> None: ...
    def list(
        self, tenant: Tenant, *, key_id: str | None, owner_id: str | None, before: str | None, limit: int
    ) -> Sequence[Refusal]: ...
    def of_request(self, tenant: Tenant, request_id: str, owner_id: str | None) -> Refusal | None: ...
