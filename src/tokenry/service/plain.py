"""Values as audit entries, events and kept answers hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, Final

from tokenry.core.lengths import written

_AS_IT_IS: Final = frozenset((str, int, bool))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it, for audit entries and events."""
    if value is None or value.__class__ in _AS_IT_IS:
        return value
    if isinstance(value, (tuple, list)):
        return [part if part.__class__ in _AS_IT_IS else plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if value.__class__ is dict or isinstance(value, Mapping):
        found = {}
        for name, part in value.items():
            if part.__class__ not in _AS_IT_IS:
                name, part = written(str(name), part)
                part = None if part is None else plain(part)
            found[str(name)] = part
        return found
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
