"""What the use cases ask of a store about keys under watch: decoys, and notices that are given once an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .model import Tenant

if TYPE_CHECKING:
    from .ports import SecretRow


class Decoy(NamedTuple):
    """A decoy that is active: its kid, and whose key it is."""

    kid: str
    tenant: str
    key_id: str
    owner: str


class WatchRows(Protocol):
    def add_decoys(self, tenant: Tenant, decoys: Sequence[SecretRow]) -> None: ...
    def decoys(self, kids: Sequence[str], now: datetime) -> Sequence[Decoy]: ...
    def decoy_of(self, tenant: Tenant, kid: str) -> str | None: ...
    def count_notices(self, tenant: Tenant, subject: str, now: datetime) -> int: ...
    def first_notice(self, tenant: Tenant, subject: str, about: str, now: datetime) -> bool: ...
    def purge_notices(self, before: datetime, limit: int) -> int: ...
