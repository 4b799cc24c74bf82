"""The store's interface for keys under watch: decoys, and notices that are given once an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class ScopeUse(NamedTuple):
    """When a scope of a key was asked for: the first time and the last, as far as that is known."""

    scope: str
    first_at: datetime
    last_at: datetime


class WatchRows(Protocol):
    def add_decoys(self, tenant: Tenant, decoys: Sequence[SecretRow]) -> None: ...
    def decoys(self, kids: Sequence[str], now: datetime) -> Sequence[Decoy]: ...
    def decoy_of(self, tenant: Tenant, kid: str) -> str | None: ...
    def count_notices(self, tenant: Tenant, subject: str, now: datetime) -> int: ...
    def asked_scopes(self, tenant: Tenant, key_ids: Sequence[str]) -> Mapping[str, Sequence[ScopeUse]]: ...
    def first_notice(self, tenant: Tenant, subject: str, about: str, now: datetime) -> bool: ...
