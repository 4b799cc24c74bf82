"""Whether anybody still uses the secret that a rotation has replaced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .model import SecretInfo

SILENT: Final = timedelta(days=1)
"""For so long an old secret is not used before it is safe to retire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How the rotation of a key stands while its old secret works: when that ends, and when it was last used.

    It is `safe_to_retire` when neither the rotation nor a use of the old secret was within the last day. The use of the
    last second may not be counted yet.
    """

    old_kid: str
    rotated_at: datetime
    ends_at: datetime
    last_used_at: datetime | None
    safe_to_retire: bool


def rotation_of(secrets: Iterable[SecretInfo], now: datetime) -> Rotation | None:
    """Return how the rotation of a key stands by its living secrets; None when it has no old one."""
    current = old = None
    for info in secrets:
        if info.ends_at is None:
            current = info
        else:
            old = info
    if current is None or old is None or old.ends_at is None:
        return None
    since = max(current.created_at, old.last_used_at or current.created_at)
    return Rotation(
        old_kid=old.kid,
        rotated_at=current.created_at,
        ends_at=old.ends_at,
        last_used_at=old.last_used_at,
        safe_to_retire=now - since >= SILENT,
    )
