"""The record of a key, from its row and the rows of its secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tokenry.core.model import Key, KeyStatus, SecretInfo, Tenant
from tokenry.core.records import KEY
from tokenry.core.rotation import rotation_of

_NEVER = datetime.min.replace(tzinfo=UTC)


def status_of(revoked_at: int | None, disabled_at: int | None, expires_at: int | None, now: int) -> KeyStatus:
    """Return the state of a key at a moment."""
    if revoked_at is not None:
        return "revoked"
    if disabled_at is not None:
        return "disabled"
    return "expired" if expires_at is not None and now >= expires_at else "active"


def key_of(tenant: Tenant, row: Any, secrets: Sequence[SecretInfo], now: datetime, at: int) -> Key:
    """Return the record of a key at a moment; its use is that of all its secrets, shown are those that live."""
    only = secrets[0] if len(secrets) == 1 else None
    last = only or max(secrets, key=_last_used, default=None)
    living = (
        () if row.revoked_at is not None else tuple([one for one in secrets if not one.ends_at or one.ends_at > now])
    )
    return KEY.record(
        row,
        tenant=tenant.slug,
        owner=row.external_id,
        status=status_of(row.revoked_at, row.disabled_at, row.expires_at, at),
        last_used_at=last.last_used_at if last else None,
        last_used_ip=last.last_used_ip if last else None,
        use_count=only.use_count if only else sum([info.use_count for info in secrets]),
        secrets=living,
        rotation=rotation_of(living, now),
    )


def _last_used(info: SecretInfo) -> datetime:
    return info.last_used_at or _NEVER
