"""Ending keys: revoking, deleting, clearing away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tokenry.core import fields
from tokenry.core.errors import FieldError, Invalid
from tokenry.core.model import NOT_GIVEN, BulkItem, Key

from . import seeing
from .context import By, Change, Context

_BATCH = 500


def revoke(context: Context, id: str, reason: str, tenant: Any, by: By) -> Key:
    """End one key for good. A repeat finds it ended, and still waits for what the first one promised."""
    reason = _reason(reason)
    with context.changing(tenant, by) as change:
        key = seeing.changeable(change, id)
        if key.status == "revoked":
            change.turns_keys(key.id)
            return key
        end(change, [key], reason)
        return seeing.visible(change, id)


def end(change: Change, living: list[Key], reason: str) -> None:
    """Write the end of living keys, within a change."""
    for key in living:
        values = {"revoked_at": change.now, "revoke_reason": reason}
        change.rows.keys.update(change.tenant, key.id, values, version=None)
        change.record("key.revoked", key.id, {"status": key.status}, {"status": "revoked", "reason": reason})
    if living:
        change.turns_keys(*(key.id for key in living))


def revoke_where(
    context: Context, asked: tuple[object, ...], reason: str, dry_run: bool, tenant: Any, by: By
) -> tuple[BulkItem, ...]:
    """End all living keys that a filter means, in batches."""
    reason, items, before = _reason(reason), [], None
    if all(value is NOT_GIVEN for value in asked):
        raise Invalid.one("filter", "missing", "say which keys: with no filter at all every key would be revoked")
    while True:
        with context.reading(tenant, by) if dry_run else context.changing(tenant, by) as scene:
            which = seeing.read_filter(scene, *asked)
            if which is None:
                return ()
            found = scene.rows.keys.list(scene.tenant, which, scene.now, before=before, limit=_BATCH)
            living = [key for key in found if key.status != "revoked"]
            barred = {key.id for key in living if not scene.actor.sees(key.owner, seeing.WRITE)}
            items += [BulkItem(key, "not_allowed" if key.id in barred else None) for key in living]
            if isinstance(scene, Change):
                end(scene, [key for key in living if key.id not in barred], reason)
        if len(found) < _BATCH:
            return tuple(items)
        before = found[-1].id


def delete(context: Context, id: str, tenant: Any, by: By) -> None:
    """Remove one key; a living one is revoked first."""
    with context.changing(tenant, by) as change:
        key = seeing.changeable(change, id)
        if key.status != "revoked":
            end(change, [key], "deleted")
        change.turns_keys(key.id)
        change.record("key.deleted", key.id, seeing.told(key), None)
        change.rows.keys.delete(change.tenant, [key.id])


def purge(
    context: Context, expired_before: datetime | None, revoked_before: datetime | None, tenant: Any, by: By
) -> int:
    """Remove keys that ended long ago, in batches."""
    errors: list[FieldError] = []
    expired = fields.moment("expired_before", expired_before, errors)
    revoked = fields.moment("revoked_before", revoked_before, errors)
    if expired is None and revoked is None and not errors:
        errors.append(
            FieldError("expired_before", "missing", "say what to remove: expired_before=, revoked_before= or both")
        )
    fields.refuse(errors)
    count = 0
    while True:
        with context.changing(tenant, by) as change:
            change.actor.must(seeing.WRITE, "purging")
            limits = [min(moment, change.now) if moment else None for moment in (expired, revoked)]
            dead = change.rows.keys.dead(change.tenant, limits[0], limits[1], _BATCH)
            for id in dead:
                change.record("key.deleted", id, {"purged": True}, None)
            if dead:
                change.turns_keys(*dead)
                change.rows.keys.delete(change.tenant, dead)
        count += len(dead)
        if len(dead) < _BATCH:
            return count


def _reason(reason: object) -> str:
    errors: list[FieldError] = []
    clean = fields.text("reason", reason, errors, most=500)
    fields.refuse(errors)
    return clean
