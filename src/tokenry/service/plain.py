"""Values as audit entries, events and kept answers hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from tokenry.core.lengths import written


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it, for audit entries and events."""
    if value is None or value.__class__ in (str, int, bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in (written(str(name), part) for name, part in value.items())}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
