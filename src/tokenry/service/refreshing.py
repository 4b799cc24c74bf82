"""One refresh, from the presented token to the next pair: one conditional update, and nothing when nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenry.core import fields, jwt
from tokenry.core.actors import Actor, name_of
from tokenry.core.errors import FieldError, StoreUnavailable
from tokenry.core.model import NOT_GIVEN, Owner, Session, SessionTokens, Tenant, micros, moment
from tokenry.core.policy import TokenPolicy
from tokenry.core.ports import Rows
from tokenry.core.refresh import Family, Place, Presented, generation_of, is_of, is_over, place_of, repeat, rotate, step
from tokenry.core.scopes import check_list, granted
from tokenry.core.secret import Parsed, Secret, parse, same_tag
from tokenry.core.verdict import Refused

from . import access as tokens
from .acting import fields_from_host
from .context import Change, Context, Done
from .owning import put
from .signing_keys import Signers

_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One requested refresh: the parsed token, and the other arguments."""

    text: str
    parsed: Parsed
    access: jwt.Claims | None
    has_access: bool
    scopes: tuple[str, ...] | None
    client_id: Any
    tenant: str | None

    def __repr__(self) -> str:
        return f"Asked({self.parsed!r})"


@dataclass(frozen=True, slots=True)
class Answered:
    """The result of a refresh, before the access token is signed."""

    presented: Presented
    session: Session
    refresh: str
    generation: int
    held: tuple[str, ...]
    narrowed: bool

    def __repr__(self) -> str:
        return f"Answered({self.session.id!r}, generation={self.generation})"


def refresh(
    context: Context, presented: object, access: object, scopes: Sequence[str] | None, client_id: Any, tenant: Any
) -> SessionTokens | Refused:
    """Take a refresh token for the next pair."""
    signers = context.signers
    assert signers is not None
    asked = read(context, signers, presented, access, scopes, client_id, tenant)
    return asked if isinstance(asked, Refused) else refresh_alone(context, signers, asked)


def refresh_alone(context: Context, signers: Signers, asked: Asked) -> SessionTokens | Refused:
    """Do one refresh in a transaction of its own."""
    for _ in range(_ROUNDS):
        answered = _attempt(context, signers.policy, asked)
        if answered is not None:
            return answered if isinstance(answered, Refused) else signed(context, signers, answered)
    raise StoreUnavailable("this session is changed faster than it can be refreshed; try again")


def signed(context: Context, signers: Signers, answered: Answered) -> SessionTokens:
    """Return the pair of tokens of a refresh whose change is committed."""
    found = answered.presented
    key = signers.signer(context, found.tenant.slug)
    return answer(
        context,
        key,
        found.tenant,
        found.owner,
        answered.session,
        answered.held,
        Secret(answered.refresh),
        generation=answered.generation,
        narrowed=answered.narrowed,
    )


def answer(
    context: Context,
    key: jwt.JoseKey,
    tenant: Tenant,
    owner: Owner,
    session: Session,
    held: tuple[str, ...],
    refresh: Secret,
    *,
    generation: int = 1,
    narrowed: bool = False,
) -> SessionTokens:
    """Return a session with a new access token, which says so when it does not hold all that the session does."""
    assert context.signers is not None
    who = grantee(tenant, owner, session, held, generation=generation, narrowed=narrowed)
    most = micros(min(session.expires_at, session.idle_expires_at))
    text, expires = tokens.mint(context, key, tenant, who, context.signers.policy.access_life, most)
    return SessionTokens(
        session=session,
        access=text,
        refresh=refresh,
        scopes=held,
        access_expires_at=moment(expires),
        refresh_expires_at=session.idle_expires_at,
    )


def grantee(
    tenant: Tenant, owner: Owner, session: Session, held: tuple[str, ...], *, generation: int, narrowed: bool
) -> tokens.Grantee:
    """Return the owner and the permissions for an access token of a session."""
    return tokens.Grantee(
        owner=owner.external_id,
        scopes=held,
        roles=owner.roles,
        audience=session.audience,
        client_id=session.client_id or tenant.slug,
        claims=session.claims,
        extra={"sid": session.id, "gen": generation, **({"narrowed": True} if narrowed else {})},
    )


def renewed(session: Session, family: Family) -> Session:
    """Return a session as it is after its family has changed."""
    return replace(
        session,
        generation=family.generation,
        refreshed_at=moment(family.rotated_at),
        idle_expires_at=moment(family.idle_expires_at),
        expires_at=moment(family.expires_at),
    )


def read(
    context: Context, signers: Signers, presented: object, access: object, scopes: Any, client_id: Any, tenant: Any
) -> Asked | Refused:
    """Read the arguments of a refresh; refuse a refresh token that is not ours. Raise Invalid for malformed scopes.

    A bad access token is refused later, after the state of the session: it hides neither reuse nor an end.
    """
    errors: list[FieldError] = []
    narrowed = None if scopes is None else check_list("scopes", scopes, errors)
    fields.refuse(errors)
    fields.check_texts(client_id=client_id, tenant=tenant)
    context.renew_keyring()
    text = str(presented) if isinstance(presented, (str, Secret)) else ""
    parsed = parse(text)
    if parsed is None or not is_of(parsed) or not is_tagged(context, parsed):
        return Refused("malformed")
    claims = None
    if isinstance(access, (str, Secret)):
        claims = signed_here(context, signers, str(access))
    slug = context.tenant if tenant is NOT_GIVEN else tenant
    return Asked(text, parsed, claims, access is not None, narrowed, client_id, slug)


def signed_here(context: Context, signers: Signers, text: str) -> jwt.Claims | None:
    """Return the claims of an access token that this installation has signed, expired or not."""
    parts = jwt.read(text)
    if parts is None or parts.header.kid is None or parts.header.typ != jwt.TYPE:
        return None
    generations = context.keyring().generations
    if not any([jwt.is_tagged(parts, generation.token_key) for generation in generations]):  # noqa: C419 all, always
        return None
    kid = parts.header.kid
    ring = signers.ring_of(kid) or signers.read_ring_of(kid, context.store)
    key = signers.witness(ring, kid) if ring is not None else None  # the token may be as old as the session is idle
    return jwt.claims_of(parts) if key is not None and key.verifies(parts) else None


def _attempt(context: Context, policy: TokenPolicy, asked: Asked) -> Answered | Refused | None:
    with context.spans.change(context.trace) as span:
        with context.store.change() as rows:
            answered, change = attempt(context, rows, policy, asked)
            done = change.finish() if change is not None else Done()
        span.done(done)
        context.announce(done)
    return answered


def attempt(
    context: Context, rows: Rows, policy: TokenPolicy, asked: Asked
) -> tuple[Answered | Refused | None, Change | None]:
    """Decide within a transaction that is open, and write what follows but for the change's own end.

    No answer means: somebody else who presents the same token, or a revocation, was faster. Look again.
    """
    now = context.now()
    found = rows.sessions.by_kid(asked.parsed.kid, now)
    if found is None or asked.tenant not in (None, found.tenant.slug):
        return Refused("not_found"), None
    name = name_of(found.tenant.slug, found.owner.external_id, found.tenant.slug)
    change = Change(context, rows, found.tenant, Actor(name), now)
    return _decide(change, policy, asked, found), change


def _decide(change: Change, policy: TokenPolicy, asked: Asked, found: Presented) -> Answered | Refused | None:
    """Decide in the order of `REFRESH_CODES`, and write what follows."""
    now, family = micros(change.now), found.family
    place = place_of(family, asked.text, change.context.keyring())
    if found.tenant.status != "active":
        return Refused("tenant_suspended")
    over = is_over(family, now)
    if over is not None:
        return Refused(over)
    living = _living(change, found)
    if not isinstance(living, Presented):
        return living
    if not tokens.is_of_client(found.session, asked.client_id):
        return Refused("not_found")
    what = step(family, place, now, policy.rules)
    if what == "reused":
        return _end(change, found)
    if what == "too_early":
        return Refused(what)
    refused = _beside(asked, policy, family, place)
    return _go_on(change, policy, asked, living, place, what) if refused is None else refused


def _go_on(
    change: Change, policy: TokenPolicy, asked: Asked, found: Presented, place: Place, what: str
) -> Answered | Refused | None:
    family, keyring = found.family, change.context.keyring()
    held = found.session.scopes if found.session.scopes is not None else found.role_scopes
    narrowed = asked.scopes is not None
    if asked.scopes is not None:
        mine = granted(held)
        if not all(mine.covers(scope) for scope in asked.scopes):
            return Refused("insufficient_scope")
        held = asked.scopes
    generation = generation_of(family, place) + 1
    who = grantee(found.tenant, found.owner, found.session, held, generation=generation, narrowed=narrowed)
    tokens.must_fit(change.context, found.tenant, who)
    if what == "repeat":
        successor = repeat(family, place, asked.text, asked.parsed.prefix, keyring)
        if successor is None:  # made under a generation of the keyring that was dropped
            return Refused("not_found")
        return Answered(found, found.session, successor, generation, held, narrowed)
    now = micros(change.now)
    signing, nonce = keyring.signing(now), change.context.entropy(16)
    rotation = rotate(family, asked.text, asked.parsed.prefix, nonce, signing, now, policy.rules.idle)
    if not change.rows.sessions.rotate(rotation.family, family.generation):
        return None
    session = renewed(found.session, rotation.family)
    values = {"owner": session.owner, "generation": session.generation, "idle_expires_at": session.idle_expires_at}
    change.record("session.refreshed", session.id, None, values, owner=session.owner)
    return Answered(found, session, rotation.text, generation, held, narrowed)


def _beside(asked: Asked, policy: TokenPolicy, family: Family, place: Place) -> Refused | None:
    """Refuse an unreadable access token or another session's; with `bind_access` also a missing or an older one."""
    claims = asked.access
    if claims is None:
        return Refused("access_invalid") if asked.has_access or policy.bind_access else None
    same = claims.sid == family.session_id
    if policy.bind_access:
        same = same and claims.gen == generation_of(family, place)
    return None if same else Refused("access_invalid")


def _end(change: Change, found: Presented) -> Refused:
    """End a session of which an old token was presented. Of many who see that, one raises the event."""
    change.invalidate((found.session.id,))
    if not change.rows.sessions.revoke(change.tenant, found.session.id, change.now, "reuse detected"):
        return Refused("revoked")
    values = {"status": "revoked", "reason": "reuse detected", "owner": found.session.owner}
    change.record("session.reuse_detected", found.session.id, {"status": "active"}, values, owner=found.session.owner)
    return Refused("reused")


def _living(change: Change, found: Presented) -> Presented | Refused | None:
    """Return the presented session with its owner as the host knows it now, or a refusal when the owner is disabled.

    Return None when the host makes it an administrator and more of its sessions have to end first: look again.
    """
    if found.owner.status != "active":
        return Refused("owner_disabled")
    load = change.context.owner_loader()
    if load is None:
        return found
    result = fields_from_host(load, found.owner.external_id, found.tenant.slug)
    if result is None:
        return Refused("owner_disabled")
    owner = put(change, found.owner.external_id, result, by_host=True)
    if owner is None:
        return None
    roles = _by_name(change.rows, found.tenant, owner)
    return replace(found, owner=owner, role_scopes=tuple(dict.fromkeys(scope for role in roles for scope in role)))


def _by_name(rows: Rows, tenant: Tenant, owner: Owner) -> list[tuple[str, ...]]:
    return [role.scopes for role in rows.roles.get(tenant, owner.roles)]


def is_tagged(context: Context, parsed: Parsed) -> bool:
    """Tell, in constant time, whether a refresh token was made here."""
    generations = context.keyring().generations
    return any([same_tag(parsed, generation.tag_key) for generation in generations])  # noqa: C419 all, always
