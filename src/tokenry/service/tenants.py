"""Tenants: the customers of an installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Generic

from tokenry.core import credits, fields, idle, limits
from tokenry.core.errors import Conflict, FieldError, missing, shown
from tokenry.core.key_fields import pick
from tokenry.core.leaks import ON_LEAK
from tokenry.core.limits import Limit
from tokenry.core.mail import address_of
from tokenry.core.model import NOT_GIVEN, NotGiven, Page, Tenant
from tokenry.core.ports import Clash
from tokenry.core.secret import PREFIX_MAX, is_prefix
from tokenry.core.walking import walked

from .context import SYSTEM, B, By, Change, Context
from .paging import page, place_of

_WRITE = "tokenry:tenants:write"
_READ = "tokenry:tenants:read"
_LIFE_MAX = timedelta(days=36_500)
_FIXED = ("default", SYSTEM)
_GIVEN = (
    *("name", "prefix", "expires_in_default", "expires_in_max", "never_allowed", "self_rotation_allowed"),
    *("default_limits", "shared_limits", "time_zone", "on_leak", "max_idle", "contact"),
)


class Tenants(Generic[B]):
    """The tenants of the installation; only operators and the trusted program reach them.

    An external id as `by` names an owner of the scoped tenant, here as everywhere: an operator comes as its `Owner`, as
    the verdict of its key, or from `scoped(tenant="system", by=…)`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(
        self,
        slug: str,
        *,
        name: str | None = None,
        prefix: str = "tk",
        expires_in_default: timedelta = timedelta(days=90),
        expires_in_max: timedelta = timedelta(days=3650),
        never_allowed: bool = False,
        self_rotation_allowed: bool = False,
        default_limits: Sequence[Limit | Mapping[str, object]] = (),
        shared_limits: Sequence[Limit | Mapping[str, object]] = (),
        time_zone: str = "UTC",
        on_leak: str = "revoke",
        max_idle: timedelta | None = None,
        contact: str | None = None,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Tenant:
        """Create a tenant; raise Conflict when the slug is taken.

        `prefix` begins its keys; keys live `expires_in_default` unless told otherwise, at most `expires_in_max`, and
        for ever only if `never_allowed`. With `self_rotation_allowed` a key may rotate itself. `default_limits` are the
        limits of each key that has none of its own and whose owner has no `default_limits`: each key is counted by
        itself. `shared_limits` are counted for all keys of the tenant together. `time_zone` is an IANA name: credits
        are refilled at midnight there. `on_leak` says what a leak report does to a key: `revoke` or `flag`.
        A key that nobody uses for `max_idle` is disabled, with the event `key.idle` before. `contact` is the mail
        address for notices.
        """
        errors: list[FieldError] = []
        values = {**pick(_GIVEN, locals()), "name": slug if name is None else name}
        slug = fields.slug("slug", slug, errors)
        clean = _read(values, errors)
        _check_lives(clean["expires_in_default"], clean["expires_in_max"], errors)
        fields.refuse(errors)
        context = self._context
        try:
            with context.changing(SYSTEM, by, home=context.tenant) as change:
                change.actor.must_operate(_WRITE, "creating a tenant")
                tenant = Tenant(id=context.new_id("ten"), slug=slug, status="active", created_at=change.now, **clean)
                change.rows.tenants.insert(tenant)
                change.record("tenant.created", slug, None, {"id": tenant.id, **clean})
            return tenant
        except Clash:
            raise Conflict(f"there already is a tenant {shown(slug)}", field="slug") from None

    def get(self, slug: str, *, by: B | NotGiven = NOT_GIVEN) -> Tenant:
        """Return a tenant; raise NotFound."""
        with self._context.reading(slug, by, home=self._context.tenant) as scene:
            if not scene.actor.may(_READ):
                raise missing("tenant", slug)
            return scene.tenant

    def list(self, *, limit: int = 50, cursor: str | None = None, by: B | NotGiven = NOT_GIVEN) -> Page[Tenant]:
        """Return one page of tenants, by slug."""
        limit, after = fields.limit_of_page(limit), place_of("tenant", cursor)
        with self._context.reading(SYSTEM, by, home=self._context.tenant) as scene:
            scene.actor.must_operate(_READ, "listing tenants")
            found = scene.rows.tenants.list(after=after, limit=limit + 1)
        return page("tenant", found, limit, lambda tenant: tenant.slug)

    iterate = walked(list)

    def update(
        self,
        slug: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        prefix: str | NotGiven = NOT_GIVEN,
        expires_in_default: timedelta | NotGiven = NOT_GIVEN,
        expires_in_max: timedelta | NotGiven = NOT_GIVEN,
        never_allowed: bool | NotGiven = NOT_GIVEN,
        self_rotation_allowed: bool | NotGiven = NOT_GIVEN,
        default_limits: Sequence[Limit | Mapping[str, object]] | NotGiven = NOT_GIVEN,
        shared_limits: Sequence[Limit | Mapping[str, object]] | NotGiven = NOT_GIVEN,
        time_zone: str | NotGiven = NOT_GIVEN,
        on_leak: str | NotGiven = NOT_GIVEN,
        max_idle: timedelta | NotGiven | None = NOT_GIVEN,
        contact: str | NotGiven | None = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Tenant:
        """Change what is given. Keys that exist keep their prefix and their expiry; changed limits count at once.

        Another `time_zone` counts from the next refill of each key on.
        """
        asked = pick(_GIVEN, locals())
        errors: list[FieldError] = []
        given = _read({name: value for name, value in asked.items() if value is not NOT_GIVEN}, errors)
        with self._change(slug, by) as change:
            tenant = change.tenant
            lives = [given.get(life, getattr(tenant, life)) for life in ("expires_in_default", "expires_in_max")]
            _check_lives(lives[0], lives[1], errors)
            fields.refuse(errors)
            changed = {name: value for name, value in given.items() if value != getattr(tenant, name)}
            if not changed:
                change.drop_cached(None)
                return tenant
            change.rows.tenants.update(tenant.id, changed)
            change.record("tenant.updated", tenant.slug, {n: getattr(tenant, n) for n in changed}, changed)
            change.invalidate_all()
            return _again(change)

    def suspend(self, slug: str, *, by: B | NotGiven = NOT_GIVEN) -> Tenant:
        """Suspend a tenant: from now on none of its credentials is valid. Doing it twice is fine."""
        return self._switch(slug, "suspended", "tenant.suspended", by)

    def resume(self, slug: str, *, by: B | NotGiven = NOT_GIVEN) -> Tenant:
        """Make a suspended tenant active again."""
        return self._switch(slug, "active", "tenant.resumed", by)

    def delete(self, slug: str, *, by: B | NotGiven = NOT_GIVEN) -> None:
        """Remove a tenant that is suspended and has no owners left; its audit log stays, found by the tenant's id."""
        with self._change(slug, by) as change:
            if slug in _FIXED:
                raise Conflict(f"the tenant {shown(slug)} always exists", field="slug")
            if change.tenant.status != "suspended" or change.rows.owners.any(change.tenant):
                raise Conflict(
                    "only a suspended tenant without owners can be deleted: suspend it, delete its owners",
                    field="status",
                )
            was = {"id": change.tenant.id, "slug": slug, "name": change.tenant.name}
            change.record("tenant.deleted", slug, was)
            _record_for_operators(change, "tenant.deleted", slug, was)
            change.invalidate_all()
            change.rows.tenants.delete(change.tenant.id)

    def _switch(self, slug: str, status: str, type: str, by: By) -> Tenant:
        with self._change(slug, by) as change:
            if slug == SYSTEM:
                raise Conflict("the tenant of the operators cannot be suspended", field="slug")
            # Even a call that changes nothing must invalidate cached verdicts.
            change.invalidate_all()
            if change.tenant.status == status:
                return change.tenant
            change.rows.tenants.update(change.tenant.id, {"status": status})
            change.record(type, slug)
            return _again(change)

    @contextmanager
    def _change(self, slug: str, by: By) -> Iterator[Change]:
        with self._context.changing(slug, by, alone=True, home=self._context.tenant) as change:
            change.actor.must_operate(_WRITE, "changing a tenant")
            yield change


def _record_for_operators(change: Change, type: str, subject: str, before: Mapping[str, Any]) -> None:
    """Write into the operators' log too what the tenant's own log, which has no slug any more, hardly shows."""
    system = change.rows.tenants.get(SYSTEM)
    assert system is not None
    there = Change(change.context, change.rows, system, change.actor, change.now)
    there.record(type, subject, before)
    there.finish()  # not announced: it is the same event


def _again(change: Change) -> Tenant:
    tenant = change.rows.tenants.by_id(change.tenant.id)
    assert tenant is not None
    return tenant


def _read(values: Mapping[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    """Read the fields of a tenant that are given."""
    clean: dict[str, Any] = {}
    for field, value in values.items():
        if field == "name":
            clean[field] = fields.name(field, value, errors)
        elif field == "prefix":
            if not isinstance(value, str) or not is_prefix(value) or len(value) > PREFIX_MAX - len("_live"):
                message = f"must be like 'acme' or 'acme_eu', at most {PREFIX_MAX - len('_live')} characters"
                errors.append(FieldError(field, "bad_prefix", message))
            clean[field] = value
        elif field in ("never_allowed", "self_rotation_allowed"):
            if not isinstance(value, bool):
                errors.append(FieldError(field, "not_a_bool", "must be True or False"))
            clean[field] = value
        elif field == "time_zone":
            clean[field] = credits.check_zone(field, value, errors)
        elif field == "on_leak":
            if value not in ON_LEAK:
                errors.append(FieldError(field, "unknown", f"must be {' or '.join(ON_LEAK)}"))
            clean[field] = value
        elif field == "max_idle":
            clean[field] = idle.check(field, value, errors)
        elif field == "contact":
            if value is not None and (not isinstance(value, str) or address_of(value) != value):
                errors.append(FieldError(field, "bad_address", "must be one mail address, such as ops@example.com"))
            clean[field] = value
        elif field in ("default_limits", "shared_limits"):
            clean[field] = limits.check_list(field, value, errors)
        else:
            clean[field] = fields.length(field, value, errors, least=timedelta(seconds=1), most=_LIFE_MAX)
    return clean


def _check_lives(default: timedelta, most: timedelta, errors: list[FieldError]) -> None:
    if not errors and default > most:
        errors.append(
            FieldError("expires_in_default", "out_of_range", f"may be at most the longest life, {fields.spoken(most)}")
        )
