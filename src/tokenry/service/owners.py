"""Owners: the users and services that keys belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Generic

from tokenry.core import fields
from tokenry.core.errors import FieldError, missing
from tokenry.core.handover import OwnerHandOver
from tokenry.core.limits import Limit
from tokenry.core.model import NOT_GIVEN, NotGiven, Owner, OwnerId, Page
from tokenry.core.ports import Clash
from tokenry.core.walking import walked

from . import ending, granting, handing
from .context import B, Change, Context, external
from .owning import put
from .paging import page, place_of

_READ = "tokenry:owners:read"
_WRITE = "tokenry:owners:write"


class Owners(Generic[B]):
    """The owners of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def put(
        self,
        external_id: OwnerId,
        *,
        name: str | NotGiven = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        roles: Sequence[str] | NotGiven = NOT_GIVEN,
        admin: bool | NotGiven = NOT_GIVEN,
        default_limits: Sequence[Limit | Mapping[str, object]] | NotGiven = NOT_GIVEN,
        shared_limits: Sequence[Limit | Mapping[str, object]] | NotGiven = NOT_GIVEN,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Owner:
        """Create an owner, or change only the fields that are given; never its status.

        This is an upsert. Nothing is written when nothing changes, so it may be called at every sign-in.
        `default_limits` are the limits of each key of the owner that has none of its own, instead of the tenant's: each
        key is counted by itself. `shared_limits` are counted for all keys of the owner together.
        """
        asked = {"name": name, "email": email, "roles": roles, "admin": admin, "default_limits": default_limits}
        asked["shared_limits"] = shared_limits
        given = fields.owner({field: value for field, value in asked.items() if value is not NOT_GIVEN})

        def one(change: Change) -> Owner | None:
            change.actor.must(_WRITE, "managing owners")
            return put(change, external(external_id), given)

        for last in (False, True):
            try:
                return self._context.in_batches(tenant, by, one)
            except Clash:  # created at this very moment: now it is there to be changed
                if last:
                    raise
        raise AssertionError("unreachable")

    def get(self, external_id: OwnerId, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Owner:
        """Return an owner; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            return scene.owner(external_id, _READ)

    def list(
        self,
        *,
        text: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Owner]:
        """Return one page of owners, by external id; `text` looks in id, name and email, ignoring case and accents."""
        limit, after = fields.limit_of_page(limit), place_of("owner", cursor)
        errors: list[FieldError] = []
        text = None if text is None else fields.text("text", text, errors, most=320)
        fields.refuse(errors)
        with self._context.reading(tenant, by) as scene:
            if not scene.actor.may(_READ):
                own = scene.actor.owner if scene.actor.operator is None else None
                result = fields.searchable(own.external_id, own.name, own.email or "") if own and own.id else ""
                return Page((own,) if own and result and fields.searchable(text or "") in result else ())
            until = scene.rows.owners.reach(scene.tenant, after=after) if text else None
            found = scene.rows.owners.list(scene.tenant, after=after, until=until, limit=limit + 1, text=text)
        return page("owner", found, limit, lambda owner: owner.external_id, until)

    iterate = walked(list)

    def disable(
        self, external_id: OwnerId, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Owner:
        """Disable an owner: from now on none of its credentials is valid. Doing it twice is fine.

        Its sessions end, many of them in batches after that. Repeat a call that was interrupted.
        """
        found: list[Owner] = []

        def batch(change: Change) -> Owner | None:
            owner = _begun(change, external_id, found)
            if owner is None or (len(found) > 1 and owner.status != "disabled"):
                return found[-1]  # deleted or enabled by another call, which has ended the other sessions
            if owner.status != "disabled":
                change.rows.owners.update(change.tenant, owner, {"status": "disabled"}, change.now)
                change.record("owner.disabled", owner.external_id)
                owner = replace(owner, status="disabled", updated_at=change.now)
            found.append(owner)
            return owner if ending.end_sessions(change, "owner disabled", owner=owner).last else None

        return self._context.in_batches(tenant, by, batch)

    def enable(
        self, external_id: OwnerId, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Owner:
        """Make a disabled owner active again. No session from before lives."""
        found: list[Owner] = []

        def batch(change: Change) -> Owner | None:
            owner = _begun(change, external_id, found)
            if owner is None:
                raise missing("owner", external_id, change.tenant.slug)
            if owner.status == "active":
                return owner
            granting.must_act_as(change, owner)
            # Those that an interrupted `disable` has left would live again.
            if not ending.end_sessions(change, "owner disabled", owner=owner).last:
                return None
            change.rows.owners.update(change.tenant, owner, {"status": "active"}, change.now)
            change.record("owner.enabled", owner.external_id)
            return replace(owner, status="active", updated_at=change.now)

        return self._context.in_batches(tenant, by, batch)

    def hand_over(
        self,
        external_id: OwnerId,
        to: OwnerId,
        *,
        dry_run: bool = True,
        limit: int | None = None,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> OwnerHandOver:
        """Give all living keys of an owner to another owner of its tenant, by the rules of `keys.hand_over`.

        By default only says how many it would be: pass `dry_run=False` to do it. A key that these rules refuse is
        skipped. Keys go in batches of 200, a transaction each; repeat a call that was interrupted. Sessions of the
        owner and revoked keys stay. With `limit` a call takes at most so many keys, 1 to 1,000; pass its `next_cursor`
        as `cursor` to go on. Raise NotFound for an unknown owner, Conflict for one that is not active.
        """
        return handing.hand_over_all(self._context, external_id, to, dry_run, limit, cursor, tenant, by)

    def delete(self, external_id: OwnerId, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> None:
        """Delete an owner and revoke its keys. The keys stay readable until `keys.purge`; the owner's name does not.

        An owner with more than 200 keys is disabled first, and its keys are then revoked in batches. Repeat a call that
        was interrupted: the owner stays disabled until then.
        """
        found: list[Owner] = []

        def batch(change: Change) -> bool | None:
            owner = _begun(change, external_id, found)
            if owner is None:
                return True
            if ending.end_owner_batch(change, owner, "owner deleted"):
                values = {"status": "deleted", "name": "", "email": None, "roles": (), "admin": False}
                change.rows.owners.update(change.tenant, owner, values, change.now)
                change.invalidate_owner(owner.id)
                change.record("owner.deleted", owner.external_id, {"id": owner.id}, None)
                return True
            if owner.status != "disabled":
                change.rows.owners.update(change.tenant, owner, {"status": "disabled"}, change.now)
                change.invalidate_owner(owner.id)
                change.record("owner.disabled", owner.external_id)
            return None

        self._context.in_batches(tenant, by, batch)


def _begun(change: Change, external_id: object, found: list[Owner]) -> Owner | None:
    """Return the owner that a call of several transactions is about, locked; None when it is deleted meanwhile.

    `found` is what the call's transactions have seen of it; the first one may see what an earlier call has left.
    """
    change.actor.must(_WRITE, "managing owners")
    if found:
        return same_owner(change, external_id, found[0].id)
    owner = change.owner(external_id, _WRITE, lock=True)
    found.append(owner)
    # Even a call that changes nothing must invalidate cached verdicts.
    change.invalidate_owner(owner.id)
    return owner


def same_owner(change: Change, external_id: object, id: str) -> Owner | None:
    """Return an owner that an earlier transaction saw; None when somebody else has deleted it since."""
    owner = change.rows.owners.get(change.tenant, external(external_id), lock=True)
    return owner if owner is not None and owner.id == id else None
