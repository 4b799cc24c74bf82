"""The parts of the export of one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One record of a tenant, without secrets and digests. `kind` is `tenant`, `scopes`, `role`, `owner` or `key`."""

    kind: str
    record: Mapping[str, Any] = field(hash=False)
