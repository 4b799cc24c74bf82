"""Owners: the users and services that keys belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from tokenry.core import fields
from tokenry.core.errors import FieldError
from tokenry.core.model import NOT_GIVEN, NotGiven, Owner, Page
from tokenry.core.ports import Clash, KeyFilter

from . import ending
from .context import By, Change, Context, external
from .paging import page, place_of

_READ = "tokenry:owners:read"
_WRITE = "tokenry:owners:write"
_BATCH = 500


class Owners:
    """The owners of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def put(
        self,
        external_id: object,
        *,
        name: str | NotGiven = NOT_GIVEN,
        email: str | NotGiven | None = NOT_GIVEN,
        roles: Sequence[str] | NotGiven = NOT_GIVEN,
        admin: bool | NotGiven = NOT_GIVEN,
        tenant: str | NotGiven = NOT_GIVEN,
        by: By = NOT_GIVEN,
    ) -> Owner:
        """Create an owner, or change only the fields that are given; never its status.

        Nothing is written when nothing changes, so it may be called at every sign-in.
        """
        asked = {"name": name, "email": email, "roles": roles, "admin": admin}
        given = _read({field: value for field, value in asked.items() if value is not NOT_GIVEN})
        for last in (False, True):
            try:
                with self._context.changing(tenant, by) as change:
                    change.actor.must(_WRITE, "managing owners")
                    return put(change, external(external_id), given)
            except Clash:  # created at this very moment: now it is there to be changed
                if last:
                    raise
        raise AssertionError("unreachable")

    def get(self, external_id: object, *, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> Owner:
        """Return an owner; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            return scene.owner(external_id)

    def list(
        self,
        *,
        text: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: By = NOT_GIVEN,
    ) -> Page[Owner]:
        """Return one page of owners, by external id; `text` looks in id, name and email."""
        limit, after = fields.limit_of_page(limit), place_of("owner", cursor)
        with self._context.reading(tenant, by) as scene:
            if not scene.actor.may(_READ):
                own = scene.actor.owner if scene.actor.operator is None else None
                return Page((own,) if own else ())
            found = scene.rows.owners.list(scene.tenant, after=after, limit=limit + 1, text=text)
        return page("owner", found, limit, lambda owner: owner.external_id)

    def disable(self, external_id: object, *, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> Owner:
        """Disable an owner: from now on none of its credentials is valid. Doing it twice is fine."""
        return self._switch(external_id, "disabled", "owner.disabled", tenant, by)

    def enable(self, external_id: object, *, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> Owner:
        """Make a disabled owner active again."""
        return self._switch(external_id, "active", "owner.enabled", tenant, by)

    def delete(self, external_id: object, *, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> None:
        """Delete an owner and revoke its keys. What they were stays readable until `keys.purge`; its name does not."""
        with self._context.changing(tenant, by) as change:
            change.actor.must(_WRITE, "managing owners")
            owner = change.owner(external_id, lock=True)
            before: str | None = None
            while True:
                which = KeyFilter(owner_id=owner.id)
                found = change.rows.keys.list(change.tenant, which, change.now, before=before, limit=_BATCH)
                ending.end(change, [key for key in found if key.status != "revoked"], "owner deleted")
                if len(found) < _BATCH:
                    break
                before = found[-1].id
            values = {"status": "deleted", "name": "", "email": None, "roles": (), "admin": False}
            change.rows.owners.update(change.tenant, owner.id, values)
            change.turns(tuple(change.rows.secrets.kids_of_owner(change.tenant, owner.id)))
            change.record("owner.deleted", owner.external_id, {"id": owner.id}, None)

    def _switch(
        self, external_id: object, status: Literal["active", "disabled"], type: str, tenant: Any, by: By
    ) -> Owner:
        with self._context.changing(tenant, by) as change:
            change.actor.must(_WRITE, "managing owners")
            owner = change.owner(external_id, lock=True)
            if owner.status == status:
                return owner
            change.rows.owners.update(change.tenant, owner.id, {"status": status})
            change.record(type, owner.external_id)
            change.turns(tuple(change.rows.secrets.kids_of_owner(change.tenant, owner.id)))
            return replace(owner, status=status)


def put(change: Change, external_id: str, given: Mapping[str, Any]) -> Owner:
    """Create or change an owner within a change."""
    if change.tenant.slug == "system" and given.get("admin"):
        change.actor.must_operate(_WRITE, "making an operator")
    owner = change.rows.owners.get(change.tenant, external_id, lock=True)
    if owner is None:
        blank = {"name": "", "email": None, "roles": (), "admin": False}
        owner = Owner(
            id=change.context.new_id("own"),
            tenant=change.tenant.slug,
            external_id=external_id,
            status="active",
            created_at=change.now,
            **{**blank, **given},
        )
        change.rows.owners.insert(change.tenant, owner)
        change.record("owner.created", external_id, None, {"id": owner.id, **given})
        return owner
    changed = {field: value for field, value in given.items() if value != getattr(owner, field)}
    if not changed:
        return owner
    change.rows.owners.update(change.tenant, owner.id, changed)
    change.record("owner.updated", external_id, {field: getattr(owner, field) for field in changed}, changed)
    change.turns(tuple(change.rows.secrets.kids_of_owner(change.tenant, owner.id)))
    return replace(owner, **changed)


def answered_by_host(change: Change, external_id: str) -> Owner | None:
    """Create an owner that only the host knows, as its loader describes it; None when it knows none."""
    load = change.context.owner_loader()
    facts = load(external_id, change.tenant.slug) if load else None
    if not facts:
        return None
    known = ("name", "email", "roles", "admin")
    given = {field: facts[field] for field in known if field in facts} if isinstance(facts, Mapping) else {}
    return put(change, external_id, _read(given))


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    errors: list[FieldError] = []
    clean: dict[str, Any] = {}
    for field, value in values.items():
        if field == "roles":
            clean[field] = fields.roles(field, value, errors)
        elif field == "admin":
            if not isinstance(value, bool):
                errors.append(FieldError(field, "not_a_bool", "must be True or False"))
            clean[field] = value
        elif field == "email" and value is None:
            clean[field] = None
        else:
            clean[field] = fields.text(field, value, errors, most=320)
    fields.refuse(errors)
    return clean
