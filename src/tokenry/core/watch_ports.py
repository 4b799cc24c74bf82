"""What the use cases ask of a store about keys under watch: notices that are given once an hour."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from .model import Tenant


class WatchRows(Protocol):
    def first_notice(self, tenant: Tenant, subject: str, about: str, now: datetime) -> bool: ...
    def purge_notices(self, before: datetime, limit: int) -> int: ...
