"""Ending keys and sessions: revoking, deleting, clearing away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tokenry.core import fields
from tokenry.core.errors import FieldError, Invalid
from tokenry.core.model import NOT_GIVEN, BulkItem, Key, Owner
from tokenry.core.ports import KeyFilter

from . import seeing
from .context import By, Change, Context

_BATCH = 500


def revoke(context: Context, id: str, reason: str, tenant: Any, by: By) -> Key:
    """End one key for good. A repeat finds it ended, and still waits for what the first one promised."""
    reason = reason_of(reason)
    with context.changing(tenant, by) as change:
        key = seeing.endable(change, id)
        if key.status == "revoked":
            change.turns_keys(key.id)
            return key
        end(change, KeyFilter(), [key], reason)
        return change.rows.keys.get(change.tenant, key.id, change.now) or key


def end(change: Change, which: KeyFilter, living: Sequence[Key], reason: str) -> list[Key]:
    """Revoke living keys that a filter means, within a change; return those that this call revoked, as they are now."""
    ended = []
    for seen in living:
        key: Key | None = seen
        while key is not None and not _ended(change, key, reason):  # changed since it was read: it is read anew
            key = _anew(change, which, key.id)
        if key is not None:
            told = {"status": "revoked", "reason": reason}
            change.record("key.revoked", key.id, {"status": key.status}, told, owner=key.owner)
            ended.append(
                replace(
                    key,
                    status="revoked",
                    revoked_at=change.now,
                    revoke_reason=reason,
                    updated_at=change.now,
                    version=key.version + 1,
                )
            )
    if living:  # also those that somebody else has ended: who hears of this relies on it
        change.turns_keys(*(key.id for key in living))
    return ended


def _ended(change: Change, key: Key, reason: str) -> bool:
    values = {"revoked_at": change.now, "revoke_reason": reason}
    return change.rows.keys.update(change.tenant, key, values, change.now, version=key.version)


def _anew(change: Change, which: KeyFilter, id: str) -> Key | None:
    """Return a key as it is now, locked; None when it is ended or no longer meant."""
    change.rows.keys.get(change.tenant, id, change.now, lock=True)
    found = change.rows.keys.list(change.tenant, replace(which, ids=(id,)), change.now, before=None, limit=1)
    return next((key for key in found if key.status != "revoked"), None)


def revoke_where(
    context: Context, asked: Mapping[str, object], reason: str, dry_run: bool, tenant: Any, by: By
) -> Iterator[tuple[BulkItem, ...]]:
    """Revoke all living keys that a filter means; yield each batch once it is committed."""
    reason, before = reason_of(reason), None
    if all(value is NOT_GIVEN for value in asked.values()):
        raise Invalid.one("filter", "missing", "say which keys: with no filter at all every key would be revoked")
    while True:
        with context.reading(tenant, by) if dry_run else context.changing(tenant, by) as scene:
            which = seeing.read_filter(scene, asked)
            if which is None:
                return
            until = scene.rows.keys.reach(scene.tenant, which, before=before)
            found = scene.rows.keys.list(scene.tenant, which, scene.now, before=before, until=until, limit=_BATCH)
            living = [key for key in found if key.status != "revoked"]
            barred = {key.id for key in living if not scene.actor.sees(key.owner, seeing.WRITE)}
            meant = [key for key in living if key.id not in barred]
            if isinstance(scene, Change):
                over = [key.id for key in found if key.status == "revoked"]
                scene.forgets(tuple(scene.rows.secrets.kids(scene.tenant, over)))
                meant = end(scene, which, meant, reason)
            told = {key.id: BulkItem(key, None) for key in meant}
            told |= {key.id: BulkItem(key, "not_allowed") for key in living if key.id in barred}
        yield tuple(told[key.id] for key in living if key.id in told)
        before = found[-1].id if len(found) == _BATCH else until
        if before is None:
            return


def delete(context: Context, id: str, tenant: Any, by: By) -> None:
    """Remove one key; a living one is revoked first."""
    with context.changing(tenant, by) as change:
        key = seeing.changeable(change, id)
        change.actor.must_mint()
        if key.status != "revoked":
            end(change, KeyFilter(), [key], "deleted")
        change.turns_keys(key.id)
        change.record("key.deleted", key.id, seeing.told(key), None, owner=key.owner)
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
            FieldError(
                "expired_before",
                "missing",
                "give a moment before which keys expired, one before which keys were revoked, or both",
            )
        )
    fields.refuse(errors)
    count = 0
    while True:
        with context.changing(tenant, by) as change:
            change.actor.must(seeing.WRITE, "purging")
            limits = [min(moment, change.now) if moment else None for moment in (expired, revoked)]
            dead = change.rows.keys.dead(change.tenant, limits[0], limits[1], _BATCH)
            owners = change.rows.keys.owners(change.tenant, dead) if dead else {}
            for id in dead:
                change.record("key.deleted", id, {"purged": True}, None, owner=owners[id])
            if dead:
                change.turns_keys(*dead)
                change.rows.keys.delete(change.tenant, dead)
        count += len(dead)
        if len(dead) < _BATCH:
            return count


def end_sessions(change: Change, owner: Owner, reason: str, kept: Sequence[str]) -> list[str]:
    """End the living sessions of an owner within a change; return those that it was who ended."""
    ended = []
    for id in change.rows.sessions.living(change.tenant, owner.id, change.now):
        if id in kept:
            continue
        change.turns((id,))
        if change.rows.sessions.revoke(change.tenant, id, change.now, reason):
            told = {"status": "revoked", "reason": reason, "owner": owner.external_id}
            change.record("session.revoked", id, {"status": "active"}, told, owner=owner.external_id)
            ended.append(id)
    return ended


def reason_of(reason: object) -> str:
    """Return why something is ended, as it is written down; raise Invalid."""
    errors: list[FieldError] = []
    clean = fields.prose("reason", reason, errors, most=500)
    fields.refuse(errors)
    return clean
