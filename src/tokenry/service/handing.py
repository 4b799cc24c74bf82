"""Handing keys over: a key stays as it is, and belongs to another owner of its tenant from then on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tokenry.core.errors import Conflict
from tokenry.core.model import Key, Owner
from tokenry.core.ports import Clash

from . import granting, issuing, seeing
from .context import By, Change, Context


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
            return _handed(change, key, to)
    except Clash:
        raise issuing.name_taken(name) from None


def _handed(change: Change, key: Key, to: Owner) -> Key:
    """Hand a locked key over to a locked owner, if the actor might issue such a key to that owner."""
    granting.must_grant(change, key.scopes, key.roles, key.environment)
    # Even a call that changes nothing must invalidate cached verdicts.
    change.invalidate_keys(key.id)
    if key.owner == to.external_id:
        change.rows.keys.agree(change.tenant, key.id, {"owner_id": to.id})
        return key
    change.rows.keys.update(change.tenant, key, {"owner_id": to.id}, change.now, version=None)
    before, after = {"owner": key.owner}, {"owner": to.external_id, "previous_owner": key.owner}
    change.record("key.handed_over", key.id, before, after, owner=to.external_id)
    return replace(key, owner=to.external_id, updated_at=change.now, version=key.version + 1)
