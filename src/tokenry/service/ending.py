"""Ending keys and sessions: revoking, deleting, clearing away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from tokenry.core import fields
from tokenry.core.errors import FieldError, Invalid
from tokenry.core.key_filter import KeyFilter
from tokenry.core.model import NOT_GIVEN, BulkItem, BulkRevocation, Key, Owner

from . import seeing
from .context import By, Change, Context, Scene
from .paging import cursor_of, place_of

BATCH = 200
"""So many keys are changed in one transaction: others wait some 30 ms for it."""
ITEMS_MAX = fields.BULK_MAX
"""So many items of a bulk revocation are returned."""
_USAGE_BATCH = 5000


def revoke(context: Context, id: str, reason: str, tenant: Any, by: By) -> Key:
    """End one key for good. A repeat finds it ended, and still waits for what the first one promised."""
    reason = reason_of(reason)
    with context.changing(tenant, by) as change:
        key = seeing.endable(change, id)
        if key.status == "revoked":
            change.rows.secrets.confirm(change.tenant, [key.id], "revoked_at", change.now)
            change.invalidate_keys(key.id)
            return key
        ended = end(change, KeyFilter(), [key], reason)
        return ended[0] if ended else change.rows.keys.get(change.tenant, key.id, change.now) or key


def end(change: Change, which: KeyFilter, living: Sequence[Key], reason: str) -> list[Key]:
    """Revoke living keys that a filter means, within a change; return those that this call revoked, as they are now."""
    ended = []
    for seen in living:
        key: Key | None = seen
        while key is not None and not _ended(change, key, reason):  # changed since it was read: it is read anew
            key = anew(change, which, key.id)
        if key is not None:
            after = {"status": "revoked", "reason": reason}
            change.record("key.revoked", key.id, {"status": key.status}, after, owner=key.owner)
            ended.append(
                replace(
                    key,
                    status="revoked",
                    revoked_at=change.now,
                    revoke_reason=reason,
                    updated_at=change.now,
                    version=key.version + 1,
                    secrets=(),
                    rotation=None,
                )
            )
    if living:  # also keys that somebody else has ended: subscribers rely on it
        change.invalidate_keys(*(key.id for key in living))
    return ended


def _ended(change: Change, key: Key, reason: str) -> bool:
    values = {"revoked_at": change.now, "revoke_reason": reason}
    return change.rows.keys.update(change.tenant, key, values, change.now, version=key.version)


def anew(change: Change, which: KeyFilter, id: str) -> Key | None:
    """Return a key as it is now, locked; None when it is ended or no longer meant."""
    change.rows.keys.get(change.tenant, id, change.now, lock=True)
    found = change.rows.keys.list(change.tenant, replace(which, ids=(id,)), change.now, before=None, limit=1)
    return next((key for key in found if key.status != "revoked"), None)


def revoke_where(
    context: Context,
    asked: Mapping[str, object],
    reason: str,
    dry_run: bool,
    limit: int | None,
    cursor: str | None,
    tenant: Any,
    by: By,
) -> BulkRevocation:
    """Revoke all living keys that a filter means, or the next `limit` of them, and commit batch by batch.

    The keys are searched for in a transaction that only reads, so that nobody waits for the search.
    """
    reason, before, ended_itself = reason_of(reason), place_of("key", cursor), None
    fields.check_bool("dry_run", dry_run)
    limit = fields.limit_of_bulk(limit)
    if all(value is NOT_GIVEN for value in asked.values()):
        raise Invalid.one(
            "filter",
            "missing",
            "say which keys, by owner, status, scope, tag or another filter: without one every key would be revoked",
        )
    first: list[BulkItem] = []
    revoked = refused = 0
    while True:
        size = BATCH if limit is None else min(BATCH, limit - revoked - refused)
        with context.reading(tenant, by, actor=ended_itself) as scene:
            which = seeing.read_filter(scene, asked)
            if which is None:
                return BulkRevocation(tuple(first), revoked, refused)
            until = scene.rows.keys.reach(scene.tenant, which, before=before)
            found = scene.rows.keys.list(scene.tenant, which, scene.now, before=before, until=until, limit=size)
            items = _items(scene, found)
        if found and not dry_run:
            with context.changing(tenant, by, actor=ended_itself) as change:
                items = _revoke_batch(change, asked, tuple(key.id for key in found), reason)
                if any(change.actor.is_key(item.key.id) for item in items if item):
                    ended_itself = change.actor  # it goes on to the end of what it was allowed to do
        first += items[: ITEMS_MAX - len(first)]
        good = sum(map(bool, items))
        revoked, refused = revoked + good, refused + len(items) - good
        before = found[-1].id if len(found) == size else until
        if before is None or revoked + refused == limit:
            return BulkRevocation(tuple(first), revoked, refused, None if before is None else cursor_of("key", before))


def _items(scene: Scene, found: Sequence[Key]) -> tuple[BulkItem, ...]:
    """Return the living of some keys, each with what keeps the actor from revoking it."""
    living = [key for key in found if key.status != "revoked"]
    return tuple(BulkItem(key, None if scene.actor.sees(key.owner, seeing.WRITE) else "not_allowed") for key in living)


def _revoke_batch(
    change: Change, asked: Mapping[str, object], ids: tuple[str, ...], reason: str
) -> tuple[BulkItem, ...]:
    """Revoke those of some keys that a filter still means and the actor may revoke; return what became of each."""
    which = seeing.read_filter(change, asked)
    if which is None:
        return ()
    which = replace(which, ids=ids)
    found = change.rows.keys.list(change.tenant, which, change.now, before=None, limit=len(ids))
    _confirm(
        change, [key.id for key in found if key.status == "revoked" and change.actor.sees(key.owner, seeing.WRITE)]
    )
    items = _items(change, found)
    meant = {item.key.id: item.key for item in items if item}
    # Somebody else may have revoked the others since they were found, and may not have heard of it yet.
    change.drop_cached(tuple(change.rows.secrets.kids(change.tenant, [id for id in ids if id not in meant])))
    ended = {key.id: key for key in end(change, which, list(meant.values()), reason)}
    results = [BulkItem(ended[item.key.id]) if item.key.id in ended else item for item in items]
    return tuple(item for item in results if not item or item.key.id in ended)


def _confirm(change: Change, ids: Sequence[str]) -> None:
    """End keys whose rows say that they are revoked, where somebody else has written that into the rows alone."""
    half = change.rows.secrets.confirm(change.tenant, ids, "revoked_at", change.now) if ids else ()
    if half:
        change.invalidate_keys(*half)


def delete(context: Context, id: str, tenant: Any, by: By) -> None:
    """Remove one key; a living one is revoked first."""
    with context.changing(tenant, by) as change:
        key = seeing.changeable(change, id)
        change.actor.must_mint()
        if key.status != "revoked":
            end(change, KeyFilter(), [key], "deleted")
        change.invalidate_keys(key.id)
        change.record("key.deleted", key.id, seeing.recorded(key), None, owner=key.owner)
        change.rows.keys.delete(change.tenant, [key.id])


def purge(
    context: Context,
    expired_before: datetime | None,
    revoked_before: datetime | None,
    limit: int | None,
    tenant: Any,
    by: By,
) -> int:
    """Remove keys that ended long ago, in batches; with `limit` at most so many."""
    limit = fields.limit_of_bulk(limit)
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
    count, before = 0, None
    while True:
        size = BATCH if limit is None else min(BATCH, limit - count)
        with context.reading(tenant, by) as scene:
            scene.actor.must(seeing.WRITE, "purging")
            ended = [min(moment, scene.now) if moment else None for moment in (expired, revoked)]
            until = scene.rows.keys.reach(scene.tenant, KeyFilter(status="revoked"), before=before)
            found = scene.rows.keys.dead(scene.tenant, *ended, before=before, until=until, limit=size)
        if found:
            count += purge_batch(context, found, ended, tenant, by)
        before = found[-1] if len(found) == size else until
        if before is None or count == limit:
            return count


def purge_batch(context: Context, ids: Sequence[str], ended: Sequence[datetime | None], tenant: Any, by: By) -> int:
    """Remove those of some keys that are still dead; return how many."""
    while True:  # the usage of a busy key is thousands of rows
        with context.changing(tenant, by) as change:
            change.actor.must(seeing.WRITE, "purging")
            dead = change.rows.keys.dead(change.tenant, *ended, ids=ids, limit=len(ids))
            if change.rows.usage.delete(change.tenant, dead, _USAGE_BATCH) < _USAGE_BATCH:
                owners = change.rows.keys.owners(change.tenant, dead) if dead else {}
                for id in dead:
                    change.record("key.deleted", id, {"purged": True}, None, owner=owners[id])
                change.invalidate_keys(*dead)
                change.rows.keys.delete(change.tenant, dead)
                return len(dead)


def end_owner_batch(change: Change, owner: Owner, reason: str) -> bool:
    """Revoke a batch of an owner's keys, and end a batch of its sessions; return whether that was the last one."""
    living = change.rows.keys.living(change.tenant, owner.id, change.now, BATCH)
    end(change, KeyFilter(owner_id=owner.id), sorted(living, key=attrgetter("id"), reverse=True), reason)
    sessions = end_sessions(change, reason, owner=owner)
    if len(living) == BATCH:
        return False
    half = change.rows.secrets.half_revoked(change.tenant, owner.id, BATCH)
    _confirm(change, half)
    return len(half) < BATCH and sessions.last


class EndedSessions(NamedTuple):
    """The sessions that one transaction has ended."""

    ids: Sequence[str]
    last: bool
    """No session that is meant lives any more."""


def end_sessions(
    change: Change,
    reason: str,
    *,
    owner: Owner | None = None,
    role: str | None = None,
    kept: Sequence[str] = (),
    most: int | None = None,
) -> EndedSessions:
    """End a batch, of `most` at most, of the living sessions of an owner, or of all owners that have a role."""
    size = BATCH if most is None else min(BATCH, most)
    if owner is not None:
        change.rows.portal.end_all(change.tenant, owner.id, change.now)
    living = change.rows.sessions.living(change.tenant, owner.id if owner else None, role, change.now, kept, size)
    ended = []
    if living:
        change.invalidate(tuple(id for id, _ in living))
    for id, external_id in living:
        if change.rows.sessions.revoke(change.tenant, id, change.now, reason):
            after = {"status": "revoked", "reason": reason, "owner": external_id}
            change.record("session.revoked", id, {"status": "active"}, after, owner=external_id)
            ended.append(id)
    # Another process may have ended some of these sessions, so how many this call ended says nothing.
    return EndedSessions(ended, len(living) < size)


def reason_of(reason: object) -> str:
    """Return why something is ended, as it is written down; raise Invalid."""
    errors: list[FieldError] = []
    clean = fields.prose("reason", reason, errors, most=500)
    fields.refuse(errors)
    return clean
