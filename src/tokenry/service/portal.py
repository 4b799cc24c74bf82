"""Links to the key page: made by an administrator or an operator, used once by an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, NamedTuple

import msgspec

from tokenry.core import fields, portal
from tokenry.core.actors import SYSTEM, Actor
from tokenry.core.errors import Conflict, FieldError, NotAllowed
from tokenry.core.model import NOT_GIVEN, NotGiven, Owner, OwnerId, Tenant, micros, moment
from tokenry.core.portal import CODE_LIFE, PAGE_PATH, PortalLink, Visit
from tokenry.core.ports import Rows
from tokenry.core.scopes import check_list, for_admins, granted, is_operator
from tokenry.core.secret import Secret

from .context import B, Change, Context

WRITE = "tokenry:sessions:write"
_HOUR = timedelta(hours=1)


class Portal(Generic[B]):
    """Links by which owners reach the key page of the server."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(
        self,
        owner: OwnerId,
        *,
        scopes: Sequence[str] | None = None,
        return_to: str | None = None,
        refresh_url: str | None = None,
        expires_in: timedelta = _HOUR,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> PortalLink:
        """Make a link to the key page of an owner. It works once, within five minutes.

        The visit lasts `expires_in` at most. `scopes` are what the owner may give to keys there, without them those of
        its roles. The page links to `return_to`, and to `refresh_url` when the visit has ended: a page of yours that
        makes the next link. Raise NotFound, Conflict when owner or tenant is not active.
        """
        given = _read(scopes, return_to, refresh_url, expires_in)
        with self._context.changing(tenant, by) as change:
            return _open(change, _holder(change, owner), given)


class _Given(NamedTuple):
    scopes: tuple[str, ...] | None
    return_to: str | None
    refresh_url: str | None
    life: timedelta


def _read(scopes: object, return_to: object, refresh_url: object, expires_in: object) -> _Given:
    """Return the options of a link, checked; raise Invalid with every mistake."""
    errors: list[FieldError] = []
    offered = None if scopes is None else check_list("scopes", scopes, errors)
    for scope in offered or ():
        if for_admins(scope) or is_operator(scope):
            errors.append(FieldError("scopes", "for_admins", f"only administrators grant {scope}: leave it out"))
    found = _Given(
        offered,
        portal.check_url("return_to", return_to, errors),
        portal.check_url("refresh_url", refresh_url, errors),
        portal.check_life(expires_in, errors),
    )
    fields.refuse(errors)
    return found


def _open(change: Change, holder: Owner, given: _Given) -> PortalLink:
    context, ends_at = change.context, change.now + given.life
    code = portal.make_text(context.new_id("por"), context.entropy(32))
    visit = Visit(
        id=code.partition(".")[0],
        tenant_id=change.tenant.id,
        owner_id=holder.id,
        scopes=given.scopes,
        grants=_granted(change, holder, given.scopes or ()),
        return_to=given.return_to,
        refresh_url=given.refresh_url,
        maker=change.actor.identity,
        code_ends_at=micros(min(change.now + CODE_LIFE, ends_at)),
        ends_at=micros(ends_at),
        code_digest=portal.digest_of(code),
    )
    change.rows.portal.insert(portal.seal(visit, context.keyring().signing(micros(change.now))))
    values = {"scopes": given.scopes, "return_to": given.return_to, "ends_at": ends_at.isoformat()}
    change.record("portal.opened", visit.id, None, values, owner=holder.external_id)
    return PortalLink(
        id=visit.id,
        tenant=change.tenant.slug,
        owner=holder.external_id,
        scopes=given.scopes,
        return_to=given.return_to,
        refresh_url=given.refresh_url,
        created_at=change.now,
        expires_at=moment(visit.code_ends_at),
        ends_at=ends_at,
        url=Secret(f"{context.public_url.rstrip('/')}{PAGE_PATH}#code={code}"),
    )


def _holder(change: Change, asked: object) -> Owner:
    change.actor.must_mint()
    change.actor.must(WRITE, "making links to the key page")
    if change.tenant.slug == SYSTEM:
        raise NotAllowed("operators have no key page: their keys are managed in the console")
    holder = change.owner(asked, WRITE, lock=True)
    if holder.status != "active" or change.tenant.status != "active":
        what = "owner" if holder.status != "active" else "tenant"
        raise Conflict(f"the {what} is not active, so no link can be made", field="owner")
    return holder


def _granted(change: Change, holder: Owner, scopes: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes that the owner's roles do not hold. The maker of the link must be able to grant them."""
    roles = change.rows.roles.get(change.tenant, holder.roles)
    held = granted(tuple(scope for role in roles for scope in role.scopes))
    beyond = tuple(scope for scope in scopes if not held.covers(scope))
    change.actor.must_hold(beyond)
    return beyond


@dataclass(frozen=True, slots=True)
class Visiting:
    """A visit that goes on: its owner, and the settings of its link."""

    visit: Visit
    tenant: Tenant
    owner: Owner


@dataclass(frozen=True, slots=True)
class Ended:
    """The reason why there is no visit. `refresh_url` is for holders of a code or cookie that was valid once."""

    code: Literal["not_found", "expired", "revoked"]
    refresh_url: str | None = None

    def __bool__(self) -> bool:
        return False


def enter(context: Context, code: object) -> tuple[Visiting, str] | Ended:
    """Exchange the code of a link for the cookie of a visit: of all who present it at most one gets it."""
    with context.store.change() as rows:
        found = _find(context, rows, code, is_entered=False)
        if isinstance(found, Ended):
            return found
        now = micros(context.now())
        if now >= found.visit.code_ends_at:
            return Ended("expired", found.visit.refresh_url)
        cookie = portal.make_text(found.visit.id, context.entropy(32))
        visit = msgspec.structs.replace(found.visit, cookie_digest=portal.digest_of(cookie))
        if not rows.portal.enter(portal.seal(visit, context.keyring().signing(now), now)):
            return Ended("revoked", found.visit.refresh_url)
        change = context.recording(rows, found.tenant)
        name = found.owner.external_id
        change.actor = Actor(f"{visit.id}/{name}")
        change.record("portal.entered", visit.id, None, {"ends_at": moment(visit.ends_at).isoformat()}, owner=name)
        done = change.finish()
    context.announce(done)
    return Visiting(visit, found.tenant, found.owner), cookie


def resume(context: Context, cookie: object) -> Visiting | Ended:
    """Return the visit of a cookie. Every call reads the rows anew, so an ended visit is over in every process."""
    with context.store.read() as rows:
        return _find(context, rows, cookie, is_entered=True)


def _find(context: Context, rows: Rows, text: object, *, is_entered: bool) -> Visiting | Ended:
    id = portal.id_of(text)
    row = rows.portal.get(id) if id is not None else None
    visit = portal.read(row, context.keyring()) if row is not None else None
    if row is None or visit is None:
        return Ended("not_found")
    if not portal.is_of(visit.cookie_digest if is_entered else visit.code_digest, str(text)):
        return Ended("not_found")
    if not is_entered and visit.cookie_digest is not None:
        return Ended("revoked", visit.refresh_url)
    now = context.now()
    if micros(now) >= visit.ends_at:
        return Ended("expired", visit.refresh_url)
    tenant = rows.tenants.by_id(visit.tenant_id)
    owner = rows.portal.owner(tenant, visit.owner_id) if tenant is not None and tenant.status == "active" else None
    is_over = row.ended_at is not None or owner is None or owner.status != "active"
    if tenant is None or owner is None or is_over or not _is_trusted(rows, visit, now):
        return Ended("revoked", visit.refresh_url)
    return Visiting(visit, tenant, owner)


def _is_trusted(rows: Rows, visit: Visit, now: Any) -> bool:
    """Tell whether the key or the owner that made a link may still do so. The visits of a revoked key end with it."""
    kind = visit.maker[0]
    if kind == "program":
        return True
    home = rows.tenants.by_id(visit.maker[1])
    if home is None or home.status != "active":
        return False
    if kind in ("key", "token"):
        key = rows.keys.get(home, visit.maker[2], now)
        owner = rows.owners.get(home, key.owner) if key is not None and key.status == "active" else None
        return owner is not None and owner.status == "active"
    maker = rows.portal.owner(home, visit.maker[2])
    return maker is not None and maker.status == "active" and maker.admin
