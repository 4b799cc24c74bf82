"""Owners within a change: creating and changing them, also as the host describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenry.core import fields
from tokenry.core.errors import FieldError, missing
from tokenry.core.model import Owner

from . import ending, granting
from .acting import fields_from_host
from .context import Change
from .roles import check_roles

_TURNING = {"roles", "admin", "default_limits", "shared_limits"}
"""The fields that verdicts depend on: a call that gives one waits for an equal call, even if it changes nothing."""


def put(change: Change, external_id: str, given: Mapping[str, Any], *, by_host: bool = False) -> Owner | None:
    """Create or change an owner within a change. Values from the host are neither checked nor refused.

    Return None when the owner would become an administrator and more of its sessions have to end first: commit what
    this has ended, then call it again.
    """
    owner = change.rows.owners.get(change.tenant, external_id, lock=True)
    if not by_host:
        errors: list[FieldError] = []
        had = owner.roles if owner else ()
        check_roles(change, [role for role in given.get("roles", ()) if role not in had], errors)
        fields.refuse(errors)
        granting.must_give(change, owner, given)
    if owner is None:
        owner = created(change, external_id, given)
        change.rows.owners.insert(change.tenant, owner)
        return owner
    changed = {field: value for field, value in given.items() if value != getattr(owner, field)}
    if not changed:
        if _TURNING & given.keys():
            change.drop_cached_owner(owner.id)
        return owner
    # An actor that may not sign in an administrator may hold the tokens of a session from before.
    promoted = changed.get("admin") or granting.promotes(change, owner.roles, changed.get("roles", ()))
    if promoted and not ending.end_sessions(change, "became an administrator", owner=owner).last:
        return None
    change.rows.owners.update(change.tenant, owner, changed, change.now)
    change.record("owner.updated", external_id, {field: getattr(owner, field) for field in changed}, changed)
    change.invalidate_owner(owner.id)
    return replace(owner, **changed, updated_at=change.now)


def created(change: Change, external_id: str, given: Mapping[str, Any]) -> Owner:
    """Return a new owner, whose row the caller inserts."""
    blank = {"name": "", "email": None, "roles": (), "admin": False}
    owner = Owner(
        id=change.context.new_id("own"),
        tenant=change.tenant.slug,
        external_id=external_id,
        status="active",
        created_at=change.now,
        updated_at=change.now,
        **{**blank, **given},
    )
    change.record("owner.created", external_id, None, {"id": owner.id, **given})
    return owner


def answered_by_host(change: Change, external_id: str) -> Owner | None:
    """Create an owner that only the host knows, as its loader describes it; None when it knows none."""
    result = fields_from_host(change.context.owner_loader(), external_id, change.tenant.slug)
    return None if result is None else put(change, external_id, result, by_host=True)


def write_down(change: Change) -> None:
    """Make an actor whom only the host knew an owner like others, so that it is the same one at its next call."""
    actor = change.actor
    if actor.owner is not None and not actor.owner.id:
        owner = answered_by_host(change, actor.owner.external_id)
        if owner is None:
            raise missing("owner", actor.owner.external_id, change.tenant.slug)
        change.actor = replace(actor, identity=(*actor.identity[:-1], owner.id), owner=owner)
