"""Handing keys over: a key stays as it is, and belongs to another owner of its tenant from then on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tokenry.core import fields
from tokenry.core.actors import KEYS_WRITE
from tokenry.core.errors import Conflict, Invalid, NotAllowed
from tokenry.core.handover import SKIPPED_MAX, OwnerHandOver, SkippedKey
from tokenry.core.key_filter import KeyFilter
from tokenry.core.model import Key, Owner
from tokenry.core.ports import Clash

from . import ending, granting, issuing, seeing
from .context import By, Change, Context, Scene, external
from .paging import cursor_of, place_of


def hand_over(context: Context, id: str, owner: object, tenant: Any, by: By) -> Key:
    """Give one key to another owner."""
    name = None
    try:
        with context.changing(tenant, by) as change:
            name = seeing.visible(change, id).name
            change.actor.must_mint()
            # The owner is locked before the key, as `owners.delete` does it: neither waits for the other in a ring.
            to = issuing.owner_of(change, owner)
            key = seeing.changeable(change, id)
            if key.status == "revoked":
                raise Conflict("a revoked key stays with its owner", field="status")
            granting.must_grant(change, key.scopes, key.roles, key.environment)
            # Even a call that changes nothing must invalidate cached verdicts.
            change.invalidate_keys(key.id)
            if key.owner == to.external_id:
                change.rows.keys.agree(change.tenant, key.id, {"owner_id": to.id})
                return key
            _give(change, key, to, version=None)
            return replace(key, owner=to.external_id, updated_at=change.now, version=key.version + 1)
    except Clash:
        raise issuing.name_taken(name) from None


def _give(change: Change, key: Key, to: Owner, *, version: int | None) -> bool:
    """Write that a key belongs to a locked owner; with `version` only if the key still has it."""
    if not change.rows.keys.update(change.tenant, key, {"owner_id": to.id}, change.now, version=version):
        return False
    before, after = {"owner": key.owner}, {"owner": to.external_id, "previous_owner": key.owner}
    change.record("key.handed_over", key.id, before, after, owner=to.external_id)
    return True


class _Batch(NamedTuple):
    """The result of one transaction. `before` is where the next one goes on, None behind the last key."""

    handed_count: int
    skipped: Sequence[SkippedKey]
    before: str | None


def hand_over_all(
    context: Context,
    external_id: object,
    to: object,
    dry_run: bool,
    limit: int | None,
    cursor: str | None,
    tenant: Any,
    by: By,
) -> OwnerHandOver:
    """Give the living keys of an owner, or the next `limit` of them, to another one, a batch in each transaction."""
    fields.check_bool("dry_run", dry_run)
    limit, before = fields.limit_of_bulk(limit), place_of("key", cursor)
    names = external(external_id), external(to, "to")
    if names[0] == names[1]:
        raise Invalid.one("to", "same_owner", "the keys belong to this owner already; name another one")
    first: list[SkippedKey] = []
    handed = skipped = 0
    actor, clashed = None, False
    while True:
        size = ending.BATCH if limit is None else min(ending.BATCH, limit - handed - skipped)
        try:
            with (context.reading if dry_run else context.changing)(tenant, by, actor=actor) as scene:
                actor = scene.actor
                batch = _batch(scene, *names, before, size)
        except Clash:
            # A key of that name was issued or renamed at this very moment: now it can be seen.
            if clashed:
                raise Conflict("another call names keys of this owner: repeat this one", field="name") from None
            clashed = True
            continue
        first += batch.skipped[: SKIPPED_MAX - len(first)]
        handed, skipped = handed + batch.handed_count, skipped + len(batch.skipped)
        before, clashed = batch.before, False
        if before is None or handed + skipped == limit:
            return OwnerHandOver(
                owner=names[0],
                to=names[1],
                dry_run=dry_run,
                handed_count=handed,
                skipped_count=skipped,
                skipped=tuple(first),
                next_cursor=None if before is None else cursor_of("key", before),
            )


def _batch(scene: Scene, external_id: str, to: str, before: str | None, size: int) -> _Batch:
    """Hand a batch of keys over within a change; count what it would do in a scene that only reads."""
    change = scene if isinstance(scene, Change) else None
    owner = scene.owner(external_id, KEYS_WRITE)
    scene.actor.must_mint()
    receiver = issuing.owner_of(change, to) if change else issuing.future_owner(scene, to)
    found = scene.rows.keys.list(scene.tenant, KeyFilter(owner_id=owner.id), scene.now, before=before, limit=size)
    living = [key for key in found if key.status != "revoked"]
    pairs = [(receiver.id, fields.folded(key.name)) for key in living] if receiver else []
    taken = {name for _, name in scene.rows.keys.taken(scene.tenant, pairs)} if pairs else set()
    results = [_one(scene, key, owner, receiver, taken) for key in living]
    next_before = found[-1].id if len(found) == size else None
    if change and receiver:
        if living:
            change.invalidate_keys(*(key.id for key in living))
        if next_before is None:
            # A repeated call finds no key that an interrupted one has handed over, and promises the same.
            change.invalidate_owner(receiver.id)
    return _Batch(results.count(True), [one for one in results if isinstance(one, SkippedKey)], next_before)


def _one(scene: Scene, key: Key, owner: Owner, to: Owner | None, taken: Collection[str]) -> SkippedKey | bool:
    """Hand over one key; return whether it was still the owner's, or why it is skipped."""
    seen: Key | None = key
    while seen is not None:
        try:
            granting.must_grant(scene, seen.scopes, seen.roles, seen.environment)
            if fields.folded(seen.name) in taken:
                raise issuing.name_taken(seen.name)
        except (Conflict, NotAllowed) as error:
            return SkippedKey(key=seen.id, name=seen.name, code=error.code, message=error.message)
        if not isinstance(scene, Change) or to is None or _give(scene, seen, to, version=seen.version):
            return True
        seen = ending.anew(scene, KeyFilter(owner_id=owner.id), seen.id)
    return False
