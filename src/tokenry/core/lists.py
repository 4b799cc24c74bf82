"""The types that count as a list of values in an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[Iterable[Any]]:
    """Tell whether an argument gives several values. A text, bytes or a mapping is one value, though it has parts."""
    if value.__class__ in (tuple, list):
        return True
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, Mapping))
