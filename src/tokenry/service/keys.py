"""Keys: everything that can be done with them, except verifying them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic

from tokenry.core import fields
from tokenry.core.advice import Advice
from tokenry.core.credits import Credits
from tokenry.core.decide import ClientAddress
from tokenry.core.errors import Invalid, TokenryError
from tokenry.core.facets import KeyFacets
from tokenry.core.impact import KeyImpact
from tokenry.core.key_fields import ARGUMENTS, pick
from tokenry.core.key_filter import KEY_FILTERS, NEWEST_FIRST
from tokenry.core.limits import Limit, LimitState
from tokenry.core.model import NOT_GIVEN, BulkRevocation, Issued, Key, NotGiven, OwnerId, Page, micros
from tokenry.core.scopes import ScopesAsked
from tokenry.core.secret import KID, Secret, parse
from tokenry.core.verdict import Explanation
from tokenry.core.walking import walked

from . import changing, crediting, ending, explaining, handing, impact, issuing, limits
from .advice import of_keys
from .context import B, Context
from .foreign import kids_of
from .key_lists import facets, sorted_list
from .paging import page, place_of
from .seeing import given, read_filter, seen, visible

_PLACE = re.compile(r"[0-9]{1,18}:key_[0-9A-Za-z]{22}", re.ASCII)


class Keys(Generic[B]):
    """The keys of a tenant. `by=` says who asks; leaving it out means the trusted program itself."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def issue(
        self,
        owner: OwnerId,
        *,
        name: str,
        scopes: Sequence[str] = (),
        roles: Sequence[str] = (),
        description: str = "",
        expires_in: timedelta | NotGiven | None = NOT_GIVEN,
        expires_at: datetime | NotGiven | None = NOT_GIVEN,
        not_before: datetime | None = None,
        allowed_ips: Sequence[str] = (),
        limits: Sequence[Limit | Mapping[str, object]] = (),
        environment: str = "live",
        metadata: Mapping[str, object] | None = None,
        tags: Sequence[str] = (),
        credits: Credits | Mapping[str, object] | int | None = None,
        decoy: bool = False,
        max_idle: timedelta | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
        idempotency_key: str | None = None,
    ) -> Issued:
        """Issue a key; its secret is in the answer this once.

        Expires after the tenant's default (90 days) unless `expires_in` or `expires_at` says otherwise; None is never.
        Raise Invalid with every mistake, NotFound for an unknown owner, Conflict for a taken name, NotAllowed for more
        than `by` holds. The secret of a `decoy` is refused like an unknown secret, and each use raises the event
        `key.decoy_used`. A key that nobody uses for `max_idle` is disabled; None leaves that to its tenant.
        """
        asked = pick(ARGUMENTS, locals())
        return issuing.issue(self._context, asked, tenant, by, idempotency_key)

    def issue_many(
        self,
        keys: Iterable[Mapping[str, object]],
        *,
        origins: issuing.Origins = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> list[Issued | TokenryError]:
        """Issue up to 1,000 keys, 200 in a transaction, each given as the arguments of `issue`.

        Return for each, in order, what was issued or the error that kept it from being issued. If not all come from
        the same request, `origins` are the (ip, request_id, traceparent) of each, for the audit log.
        """
        return issuing.issue_many(self._context, fields.keys_listed(keys), tenant, by, origins)

    def get(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Key:
        """Return a key; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            return visible(scene, id)

    def list(
        self,
        *,
        owner: OwnerId | None = None,
        status: str | None = None,
        scope: str | None = None,
        tag: str | None = None,
        environment: str | None = None,
        text: str | None = None,
        expiring_within: timedelta | None = None,
        last_used_before: datetime | None = None,
        sort: str = NEWEST_FIRST,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Key]:
        """Return one page of keys, in all states unless `status` says which. None means any.

        `sort` is created, expires, last_used or name, with a minus for the other direction. Keys that never expire
        count as the last to expire, keys that were never used as the first. Uses count by the minute.
        """
        asked = given(pick(KEY_FILTERS, locals()))
        if sort != NEWEST_FIRST:
            return sorted_list(self._context, asked, sort, limit, cursor, tenant, by)
        limit, before = fields.limit_of_page(limit), place_of("key", cursor)
        with self._context.reading(tenant, by) as scene:
            which = read_filter(scene, asked)
            if which is None:
                return Page(())
            until = scene.rows.keys.reach(scene.tenant, which, before=before)
            found = scene.rows.keys.list(scene.tenant, which, scene.now, before=before, until=until, limit=limit + 1)
        return page("key", found, limit, lambda key: key.id, until)

    iterate = walked(list)

    def facets(
        self,
        *,
        owner: OwnerId | None = None,
        status: str | None = None,
        scope: str | None = None,
        tag: str | None = None,
        environment: str | None = None,
        text: str | None = None,
        expiring_within: timedelta | None = None,
        last_used_before: datetime | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> KeyFacets:
        """Count the keys that `list` finds by status, environment, owner, tag, scope and role.

        At most the newest 20,000 keys are looked at; `is_complete` says whether there may be more.
        """
        return facets(self._context, given(pick(KEY_FILTERS, locals())), tenant, by)

    def expiring(
        self,
        *,
        within: timedelta,
        owner: OwnerId | None = None,
        limit: int = 100,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Key]:
        """Return active keys with `now < expires_at <= now + within`, the most urgent first."""
        limit, place = fields.limit_of_page(limit), place_of("expiring", cursor, _PLACE.fullmatch)
        errors: list[Any] = []
        within = fields.length("within", within, errors, least=timedelta(0), most=timedelta(days=36_500))
        fields.refuse(errors)
        with self._context.reading(tenant, by) as scene:
            which = read_filter(scene, given({"owner": owner}))
            if which is None:
                return Page(())
            after = (int(place.partition(":")[0]), place.partition(":")[2]) if place else None
            until = scene.now + within
            found, end = scene.rows.keys.expiring(
                scene.tenant, scene.now, until, which.owner_id, after=after, limit=limit + 1
            )

        return page(
            "expiring",
            found,
            limit,
            lambda key: f"{micros(key.expires_at or key.created_at)}:{key.id}",
            f"{end[0]}:{end[1]}" if end else None,
        )

    def find(
        self,
        secret: str | Secret | None = None,
        *,
        kid: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Key:
        """Return the key of a secret, or of the public `kid` of one, whatever its state; raise NotFound."""
        if (secret is None) == (kid is None):
            raise Invalid.one("secret", "ambiguous", "pass a secret or a kid, and not both")
        parsed = parse(str(secret)) if secret is not None else None
        wanted = parsed.kid if parsed else str(kid or "")
        with self._context.reading(tenant, by) as scene:
            found = None
            if len(wanted) == KID and wanted.isalnum():
                found = scene.rows.keys.by_kid(scene.tenant, wanted, scene.now)
                if found is None and (id := scene.rows.watch.decoy_of(scene.tenant, wanted)) is not None:
                    found = scene.rows.keys.get(scene.tenant, id, scene.now)
            if found is None and parsed is None and secret is not None:
                kids = kids_of(scene.rows, self._context.keyring(), str(secret), scene.tenant.slug)
                keys = (scene.rows.keys.by_kid(scene.tenant, kid, scene.now) for kid in kids)
                found = next((key for key in keys if key is not None), None)
            return seen(scene, found, wanted or "with this secret")

    def limits(
        self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> tuple[LimitState, ...]:
        """Return how every limit that counts for a key stands, without its secret: defaults and shared ones, too."""
        with self._context.reading(tenant, by) as scene:
            return limits.states(scene, visible(scene, id))

    def advice(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Advice:
        """Return the advice about a key: unused scopes, no use, no expiry, no limit, wide networks."""
        with self._context.reading(tenant, by) as scene:
            return of_keys(scene, [visible(scene, id)])[0]

    def impact(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> KeyImpact:
        """Return the effects of revoking a key: calls of the last 24 hours, latest addresses, secrets and tokens.

        It changes nothing. `flush` first for the calls of the last second.
        """
        with self._context.reading(tenant, by) as scene:
            return impact.of_key(scene, visible(scene, id))

    def explain(
        self,
        id: str,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Explanation:
        """Explain every check of the key's current secret, without the secret. Limits and credits stay as they are."""
        key, states = self.get(id, tenant=tenant, by=by), self.limits(id, tenant=tenant, by=by)
        standing = (states, crediting.state_of(self._context, key, tenant))
        return explaining.explain(self._context, key, standing, scopes, ip, cost)

    def update(
        self,
        id: str,
        *,
        name: str | NotGiven = NOT_GIVEN,
        description: str | NotGiven = NOT_GIVEN,
        scopes: Sequence[str] | NotGiven = NOT_GIVEN,
        roles: Sequence[str] | NotGiven = NOT_GIVEN,
        allowed_ips: Sequence[str] | NotGiven = NOT_GIVEN,
        limits: Sequence[Limit | Mapping[str, object]] | NotGiven = NOT_GIVEN,
        expires_in: timedelta | NotGiven | None = NOT_GIVEN,
        expires_at: datetime | NotGiven | None = NOT_GIVEN,
        not_before: datetime | NotGiven | None = NOT_GIVEN,
        metadata: Mapping[str, object] | NotGiven | None = NOT_GIVEN,
        tags: Sequence[str] | NotGiven = NOT_GIVEN,
        credits: Credits | Mapping[str, object] | int | NotGiven | None = NOT_GIVEN,
        max_idle: timedelta | NotGiven | None = NOT_GIVEN,
        if_version: int | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Key:
        """Change what is given and leave the rest; never of a revoked key.

        With `if_version` raise Conflict when somebody else was faster.
        """
        asked = pick(ARGUMENTS, locals())
        given = {field: value for field, value in asked.items() if value is not NOT_GIVEN}
        return changing.update(self._context, id, given, if_version, tenant, by)

    def disable(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Key:
        """Switch a key off until `enable`; doing it twice is fine."""
        return changing.switch(self._context, id, False, tenant, by)

    def enable(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Key:
        """Switch a disabled key on again."""
        return changing.switch(self._context, id, True, tenant, by)

    def hand_over(
        self, id: str, owner: OwnerId, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Key:
        """Give a key to another owner of its tenant; its secret, limits and usage stay as they are.

        `by` must be able to issue such a key to that owner. Raise NotFound for an unknown owner, Conflict for a revoked
        key, an owner that is not active or a name that the owner has, NotAllowed for more than `by` may grant.
        """
        return handing.hand_over(self._context, id, owner, tenant, by)

    def rotate(
        self,
        id: str,
        *,
        grace: timedelta = timedelta(0),
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
        idempotency_key: str | None = None,
    ) -> Issued:
        """Give a live key a new secret and change nothing else; the old one works until `grace` is over.

        Of two at a time one wins, the other gets Conflict. A secret that still had its grace ends at once. A key may do
        it itself (`by` its verdict) if its tenant allows that, with an idempotency key or a grace of at least 60 s.
        """
        return changing.rotate(self._context, id, grace, tenant, by, idempotency_key)

    def _begin_rotation(self, id: str, *, grace: timedelta, idempotency_key: str | None = None) -> changing.Rotation:
        """Note how a key is now, for a rotation that waits for its turn."""
        return changing.begin_rotation(self._context, id, grace, NOT_GIVEN, NOT_GIVEN, idempotency_key)

    def _finish_rotation(self, rotation: changing.Rotation) -> Issued:
        """Do it, unless the key was changed meanwhile."""
        return changing.finish_rotation(self._context, rotation, NOT_GIVEN, NOT_GIVEN)

    def revoke(
        self, id: str, *, reason: str = "", tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> Key:
        """End a key for good, with every secret of it. Once this has returned, nobody is told `valid` any more.

        Doing it twice is fine and changes nothing; an unknown id raises NotFound.
        """
        return ending.revoke(self._context, id, reason, tenant, by)

    def revoke_where(
        self,
        *,
        owner: OwnerId | NotGiven = NOT_GIVEN,
        status: str | NotGiven = NOT_GIVEN,
        scope: str | NotGiven = NOT_GIVEN,
        tag: str | NotGiven = NOT_GIVEN,
        environment: str | NotGiven = NOT_GIVEN,
        text: str | NotGiven = NOT_GIVEN,
        expiring_within: timedelta | NotGiven = NOT_GIVEN,
        last_used_before: datetime | NotGiven = NOT_GIVEN,
        reason: str = "",
        dry_run: bool = True,
        limit: int | None = None,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> BulkRevocation:
        """Revoke all living keys that every given filter means; at least one filter is needed.

        By default only says which it would be: pass `dry_run=False` to do it. Keys are revoked in batches of 200, a
        transaction each; repeat a call that was interrupted. The answer counts all keys and holds the first 1,000.
        With `limit` a call takes at most so many keys, 1 to 1,000; pass its `next_cursor` as `cursor` to go on.
        """
        asked = pick(KEY_FILTERS, locals())
        return ending.revoke_where(self._context, asked, reason, dry_run, limit, cursor, tenant, by)

    def delete(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> None:
        """Revoke a live key and remove it, in one transaction; its audit entries stay."""
        ending.delete(self._context, id, tenant, by)

    def purge(
        self,
        *,
        expired_before: datetime | None = None,
        revoked_before: datetime | None = None,
        limit: int | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> int:
        """Remove keys that expired or were revoked before a moment; return how many.

        With `limit` remove at most so many, 1 to 1,000. When fewer were removed, none is left.
        """
        return ending.purge(self._context, expired_before, revoked_before, limit, tenant, by)
