"""Sessions: signing in, staying signed in, signing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

from tokenry.core import fields, scopes
from tokenry.core.actors import PROGRAM, Actor, name_of
from tokenry.core.errors import Conflict, FieldError, Invalid, NotFound, missing
from tokenry.core.ids import is_id
from tokenry.core.lists import is_list
from tokenry.core.model import NOT_GIVEN, NotGiven, Owner, OwnerId, Page, Session, SessionTokens, micros
from tokenry.core.ports import Rows
from tokenry.core.refresh import Presented, Rotation, begin, is_of, prefix_of
from tokenry.core.secret import Secret, make_kid, parse
from tokenry.core.verdict import Refused
from tokenry.core.walking import walked

from . import access, granting, issuing, refreshing
from .acting import fields_from_host
from .context import B, By, Change, Context, Scene, external
from .ending import end_sessions, reason_of
from .owners import same_owner
from .owning import put
from .paging import page, place_of

READ = "tokenry:sessions:read"
WRITE = "tokenry:sessions:write"


class Sessions(Generic[B]):
    """The sessions of a tenant: each is one sign-in of an owner."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(
        self,
        owner: OwnerId,
        *,
        claims: Mapping[str, object] | None = None,
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        device: Mapping[str, object] | None = None,
        client_id: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> SessionTokens:
        """Sign an owner in: return a session with its first access and refresh token.

        Without `scopes` the session holds those of the owner's roles, as they are at any time. `claims` go into every
        access token, `device` is kept for the owner to recognise. Raise Conflict when owner or tenant is not active.
        """
        asked = {"claims": claims, "audience": audience, "scopes": scopes, "device": device, "client_id": client_id}
        return start(self._context, owner, asked, tenant, by)

    def refresh(
        self,
        refresh: str | Secret,
        access: str | Secret | None = None,
        *,
        scopes: Sequence[str] | None = None,
        client_id: str | NotGiven | None = NOT_GIVEN,
        tenant: str | NotGiven | None = NOT_GIVEN,
    ) -> SessionTokens | Refused:
        """Take a refresh token for the next pair, or return a falsy `Refused` with a code.

        All who present the same token get the same successor, for as long as its grace lasts; after that the session
        ends. `access` is the access token that came with it, demanded by `bind_access`. `scopes` narrow the new access
        token alone. `tenant=None` means whichever the token belongs to.
        """
        return refreshing.refresh(self._context, refresh, access, scopes, client_id, tenant)

    def get(self, id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Session:
        """Return a session; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            return _visible(scene, id, READ)

    def list(
        self,
        owner: OwnerId | NotGiven | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Session]:
        """Return one page of sessions, the newest first; of one owner, or of all that the actor may see."""
        limit, before = fields.limit_of_page(limit), place_of("session", cursor, lambda id: is_id("ses", id))
        with self._context.reading(tenant, by) as scene:
            owner_id = None if owner is None or owner is NOT_GIVEN else scene.owner(owner, READ).id
            if owner_id is None and not scene.actor.may(READ):
                if scene.actor.owner is None or scene.actor.operator is not None:
                    return Page(())
                owner_id = scene.actor.owner.id
            found = scene.rows.sessions.list(scene.tenant, scene.now, owner_id, before=before, limit=limit + 1)
        return page("session", found, limit, lambda session: session.id)

    iterate = walked(list)

    def revoke(
        self,
        id: str,
        *,
        reason: str = "",
        client_id: str | NotGiven | None = NOT_GIVEN,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Session:
        """End a session for good. Once this has returned, none of its tokens is valid any more. Raise NotFound.

        Doing it twice is fine. A session of another client than `client_id`, if you pass that, is not found.
        """
        why = reason_of(reason)
        with self._context.changing(tenant, by) as change:
            return _revoke(change, _visible(change, id, WRITE), why, client_id)

    def revoke_by_token(
        self,
        refresh: str | Secret,
        *,
        reason: str = "",
        client_id: str | NotGiven | None = NOT_GIVEN,
        tenant: str | NotGiven | None = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Session:
        """End the session of a refresh token. `tenant=None` means the tenant of the token."""
        why = reason_of(reason)
        with self._context.changing(_tenant_of(self._context, refresh) if tenant is None else tenant, by) as change:
            presented = _presented(change.context, change.rows, refresh)
            if presented.tenant.id != change.tenant.id:
                raise NotFound("this refresh token belongs to no session here")
            found = presented.session
            if change.actor is PROGRAM:  # the holder of a token acts as its owner
                change.actor = Actor(name_of(change.tenant.slug, found.owner, change.tenant.slug))
            return _revoke(change, found, why, client_id)

    def revoke_all(
        self,
        owner: OwnerId,
        *,
        keep: str | Sequence[str] | None = None,
        reason: str = "",
        limit: int | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> tuple[str, ...]:
        """End all sessions of an owner except those in `keep`; return the ids of the sessions that this call ended.

        Many are ended in batches, a transaction each. Repeat a call that was interrupted. With `limit` end at most so
        many, 1 to 1,000. When fewer were ended, none is left.
        """
        why, kept, limit = reason_of(reason), _ids(keep), fields.limit_of_bulk(limit, "session")
        found: list[str] = []
        ended: list[str] = []

        def batch(change: Change) -> tuple[str, ...] | None:
            holder = change.owner(owner, WRITE, lock=True) if not found else same_owner(change, owner, found[0])
            if holder is None:
                return tuple(ended)
            if not found:
                found.append(holder.id)
                # Sessions that another call has just ended are revoked when this call returns, too.
                change.invalidate_owner(holder.id)
            most = None if limit is None else limit - len(ended)
            done = end_sessions(change, why, owner=holder, kept=kept, most=most)
            ended.extend(done.ids)
            return tuple(ended) if done.last or len(ended) == limit else None

        return self._context.in_batches(tenant, by, batch)


def start(context: Context, owner: object, asked: Mapping[str, Any], tenant: Any, by: By) -> SessionTokens:
    """Sign an owner in."""
    assert context.signers is not None
    policy = context.signers.policy
    key = context.signers.signer(context, context.slug_of(tenant))

    def begin_one(change: Change) -> tuple[Any, ...] | None:
        holder = _holder(change, owner)
        if holder is None:
            return None
        session, held = _read(change, holder, asked)
        rotation = _begun(change, session, policy.rules)
        session = refreshing.renewed(session, rotation.family)
        who = refreshing.grantee(change.tenant, holder, session, held, generation=1, narrowed=False)
        access.must_fit(context, change.tenant, who)
        if policy.one_session and not end_sessions(change, "replaced by a new sign-in", owner=holder).last:
            return None
        change.rows.sessions.insert(change.tenant, holder.id, session, rotation.family)
        change.record("session.started", session.id, None, _event_fields(session), owner=session.owner)
        return change.tenant, holder, session, held, Secret(rotation.text)

    return refreshing.answer(context, key, *context.in_batches(tenant, by, begin_one))


def of_refresh(context: Context, refresh: str, tenant: str | None) -> Session | None:
    """Return the session that a refresh token of any age belongs to; None if it is not ours or of another tenant."""
    with context.store.read() as rows:
        try:
            found = _presented(context, rows, refresh)
        except NotFound:
            return None
    return found.session if tenant in (None, found.tenant.slug) else None


def _holder(change: Change, asked: object) -> Owner | None:
    """Return the owner that signs in, locked, so that nobody disables it at this moment.

    Return None when the host makes it an administrator and more of its sessions have to end first.
    """
    external_id = external(asked)
    change.actor.must_mint()
    if not change.actor.sees(external_id, WRITE):
        raise missing("owner", external_id, change.tenant.slug)
    # Ask the host first: its answer about the owner decides which actors may sign the owner in.
    result = fields_from_host(change.context.owner_loader(), external_id, change.tenant.slug)
    if result is not None:
        owner = put(change, external_id, result, by_host=True)
        if owner is None:
            return None
    else:
        owner = change.rows.owners.get(change.tenant, external_id, lock=True)
    if owner is None:
        raise missing("owner", external_id, change.tenant.slug)
    if owner.status != "active" or change.tenant.status != "active":
        what = "owner" if owner.status != "active" else "tenant"
        raise Conflict(f"the {what} is not active, so no session can be started", field="owner")
    return owner


def _read(change: Change, owner: Owner, asked: Mapping[str, Any]) -> tuple[Session, tuple[str, ...]]:
    """Read what a session is to be; return it with the scopes that it holds now."""
    errors: list[FieldError] = []
    own = None if asked["scopes"] is None else scopes.check_list("scopes", asked["scopes"], errors)
    claims, audience = access.read_claims(asked["claims"], errors), access.read_audience(asked["audience"], errors)
    device = fields.metadata("device", asked["device"], errors)
    if own:
        issuing.check_scopes(change, own, "", errors)
    fields.refuse(errors)
    granting.must_start(change, owner, own or ())
    held = own
    if held is None:
        roles = change.rows.roles.get(change.tenant, owner.roles)
        held = tuple(dict.fromkeys(scope for role in roles for scope in role.scopes))
    session = Session(
        id=change.context.new_id("ses"),
        tenant=change.tenant.slug,
        owner=owner.external_id,
        status="active",
        scopes=own,
        audience=audience,
        claims=claims,
        device=device,
        client_id=access.read_client(asked["client_id"]),
        generation=1,
        created_at=change.now,
        refreshed_at=change.now,
        idle_expires_at=change.now,
        expires_at=change.now,
        revoked_at=None,
        revoke_reason="",
    )
    return session, held


def _begun(change: Change, session: Session, rules: Any) -> Rotation:
    context = change.context
    generation = context.keyring().signing(micros(change.now))
    ids = (make_kid(context.entropy(16)), change.tenant.id, session.id)
    return begin(ids, prefix_of(change.tenant.prefix), context.entropy(32), generation, micros(change.now), rules)


def _visible(scene: Scene, id: object, scope: str) -> Session:
    found = scene.rows.sessions.get(scene.tenant, str(id), scene.now) if is_id("ses", id) else None
    if found is None or not scene.actor.sees(found.owner, scope):
        raise missing("session", id, scene.tenant.slug)
    return found


def _revoke(change: Change, found: Session, why: str, client_id: str | NotGiven | None) -> Session:
    if not access.is_of_client(found, client_id):
        raise missing("session", found.id, change.tenant.slug)
    # Also when nothing is written: a caller who repeats a revocation relies on it.
    change.invalidate((found.id,))
    if found.status != "revoked" and change.rows.sessions.revoke(change.tenant, found.id, change.now, why):
        ended = {"status": "revoked", "reason": why, "owner": found.owner}
        change.record("session.revoked", found.id, {"status": found.status}, ended, owner=found.owner)
    return change.rows.sessions.get(change.tenant, found.id, change.now) or found


def _tenant_of(context: Context, session: object) -> str:
    """Return the tenant that a refresh token belongs to."""
    with context.store.read() as rows:
        return _presented(context, rows, session).tenant.slug


def _presented(context: Context, rows: Rows, session: object) -> Presented:
    """Return the session of a refresh token; raise NotFound."""
    parsed = parse(str(session)) if isinstance(session, (str, Secret)) else None
    if parsed is None or not is_of(parsed) or not refreshing.is_tagged(context, parsed):
        raise NotFound("this refresh token belongs to no session here")
    presented = rows.sessions.by_kid(parsed.kid, context.now())
    if presented is None:
        raise NotFound("this refresh token belongs to no session here")
    return presented


def _ids(named: object) -> tuple[str, ...]:
    listed: tuple[Any, ...] = () if named is None else tuple(named) if is_list(named) else (named,)
    if not all(is_id("ses", id) for id in listed):
        raise Invalid.one("keep", "bad_id", "keep takes ids of sessions, ses_…")
    return listed


def _event_fields(session: Session) -> dict[str, Any]:
    names = ("owner", "scopes", "audience", "claims", "device", "client_id", "expires_at")
    return {name: getattr(session, name) for name in names}
