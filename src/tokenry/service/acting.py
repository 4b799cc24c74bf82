"""Resolves `by=` to an actor with its current rights, not those it had when the verdict or record was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from tokenry.core import fields
from tokenry.core.actors import OPERATOR_SCOPES, PROGRAM, SYSTEM, Actor, name_of
from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.errors import Invalid
from tokenry.core.grant import Grant, compile_row
from tokenry.core.model import NOT_GIVEN, NotGiven, Owner, OwnerId, Tenant, micros
from tokenry.core.policy import SECOND
from tokenry.core.ports import Rows
from tokenry.core.scopes import Granted, granted
from tokenry.core.secret import holds_credential
from tokenry.core.verdict import KeyValid, SessionValid, TokenValid, Valid


class AsOwner(NamedTuple):
    """An owner whom an application has signed in, or an operator by a link.

    It is an ordinary owner even where it is an administrator, and may grant `grants` beside what its roles hold. It
    gets no key beside `keys_max` active ones. With `visit`, the id of a visit that began with a link, it is nobody once
    that has ended.
    """

    owner: OwnerId
    grants: tuple[str, ...] = ()
    keys_max: int | None = None
    visit: str | None = None


By: TypeAlias = str | int | UUID | Owner | Valid | AsOwner | NotGiven | None
B = TypeVar("B", bound=By)
"""The type of a group's `by=`: `By` in the library, nothing in a client, where the key identifies the caller."""
Load: TypeAlias = Callable[[str, str], object]


def check_by(by: object) -> None:
    """Raise Invalid for what can be no actor, a missing one above all."""
    if by is None:
        message = "by=None is not an actor: pass who asks, or leave `by` out when the program itself does"
        raise Invalid.one("by", "missing", message)
    if not isinstance(by, (str, int, UUID, Owner, Valid, AsOwner, NotGiven)):
        raise Invalid.one("by", "bad_actor", "by= takes an external id, an Owner or a Valid verdict")


def external(value: object, field: str = "owner") -> str:
    """Return an external id as text; raise Invalid, which names the field."""
    if isinstance(value, Owner):
        value = value.external_id
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= 255 or not value.isprintable():
        message = "an owner is named by its external id: a text of 1 to 255 printable characters, a number or a UUID"
        raise Invalid.one(field, "bad_external_id", message)
    if holds_credential(value):
        raise Invalid.one(field, "holds_credential", fields.HOLDS_CREDENTIAL)
    return value


def fields_from_host(load: Load | None, external_id: str, tenant: str) -> dict[str, Any] | None:
    """Return the fields of an owner as the host's loader gives them; None when it knows nobody of that name.

    No host says who operates the installation.
    """
    facts = load(external_id, tenant) if load else None
    if facts is None or facts is False:
        return None
    known = ("name", "email", "roles", "admin") if tenant != SYSTEM else ("name", "email", "roles")
    given = {field: facts[field] for field in known if field in facts} if isinstance(facts, Mapping) else {}
    return fields.owner(given)


@dataclass(frozen=True, slots=True)
class Acting:
    """One transaction in one tenant, in which somebody wants to act."""

    rows: Rows
    tenant: Tenant
    now: datetime
    load: Load | None
    known: Callable[[str], Grant | None] | None = None

    def actor(self, by: By, home: str) -> Actor:
        """Return the actor; a bare external id names an owner of the tenant `home`."""
        if by is NOT_GIVEN:
            return PROGRAM
        if isinstance(by, Valid):
            if isinstance(by, SessionValid):
                return self._session(by)
            # A token verified offline gives no rights: its key or session may have been revoked.
            return self._key(by) if isinstance(by, (KeyValid, TokenValid)) else Actor(by.owner.external_id, by_key=True)
        if isinstance(by, AsOwner):
            return self._as_owner(by, home)
        if isinstance(by, Owner):
            home = by.tenant
        return self._named(external(by), home)

    def _as_owner(self, by: AsOwner, home: str) -> Actor:
        actor = self._named(external(by.owner), home)
        name = actor.name if by.visit is None else f"{by.visit}/{actor.name}"
        is_over = by.visit is not None and not self.rows.portal.is_open(self.tenant, by.visit, self.now)
        if actor.owner is None or home == SYSTEM or is_over:
            return Actor(name)
        holds = self._scopes(by.grants, actor.owner.roles)
        return replace(actor, name=name, admin=False, operator=None, holds=holds, keys_max=by.keys_max)

    def _named(self, external_id: str, home: str) -> Actor:
        name = name_of(home, external_id, self.tenant.slug)
        if home not in (self.tenant.slug, SYSTEM):
            return Actor(name)
        place = self.tenant if home == self.tenant.slug else self.rows.tenants.get(home)
        owner = self._owner(place, external_id) if place else None
        if place is None or owner is None or owner.status != "active":
            return Actor(name)
        identity = ("owner", place.id, owner.id)
        if home == SYSTEM and owner.admin:
            return Actor(name, identity, owner, operator=granted(OPERATOR_SCOPES), everywhere=True)
        if home != self.tenant.slug:  # an ordinary owner of the operators' tenant, whose namesake may live here
            return Actor(name)
        return Actor(name, identity, owner, admin=owner.admin, holds=self._scopes((), owner.roles))

    def _owner(self, home: Tenant, external_id: str) -> Owner | None:
        """Return an owner as the host describes it; one whom only the host knows has no id yet."""
        owner = self.rows.owners.get(home, external_id)
        if self.load is None or home.slug == SYSTEM:
            return owner
        result = fields_from_host(self.load, external_id, home.slug)
        if result is None:
            return None
        if owner is not None:
            return replace(owner, **result)
        blank: dict[str, Any] = {"name": "", "email": None, "roles": (), "admin": False}
        return Owner(
            id="",
            tenant=home.slug,
            external_id=external_id,
            status="active",
            created_at=self.now,
            **{**blank, **result},
        )

    def _key(self, by: KeyValid | TokenValid) -> Actor:
        """Return the actor behind a verdict, as its key and owner are now: a verdict may have been kept for a while."""
        name, kid = by._grant.key_id, by._grant.kid
        if isinstance(by, TokenValid) and _is_over(by, self.now):
            return Actor(name, by_key=True)
        nobody = Actor(name, by_key=True, kid=kid)
        grant, home = self._grant(kid), self.tenant
        if grant is None or (grant.key_id, grant.tenant) != (name, by._grant.tenant):
            return nobody
        if grant.tenant != home.slug:
            home = grant.tenant_of()
        owner = grant.owner() if self.load is None else self._owner(home, grant.external_id)
        if not _is_live(grant, micros(self.now)) or owner is None or owner.status != "active":
            return nobody
        if isinstance(by, TokenValid):
            return _of_token(self._of_key(home, grant, owner), by.scopes)
        return self._of_key(home, grant, owner, kid)

    def _grant(self, kid: str) -> Grant | None:
        grant = self.known(kid) if self.known is not None else None
        if grant is None:
            row = self.rows.secrets.find(kid)
            grant = compile_row(row) if row is not None else None
        return grant

    def _session(self, by: SessionValid) -> Actor:
        """Return the owner who is signed in; a session with scopes of its own does what a key with them would."""
        if _is_over(by, self.now):
            return Actor(by.owner.external_id, by_key=True)
        home = self.rows.tenants.get(by.tenant.slug)
        session = self.rows.sessions.get(home, by.session.id, self.now) if home else None
        if home is None or session is None or session.status != "active" or home.status != "active":
            return Actor(by.owner.external_id)
        actor = self._named(session.owner, home.slug)
        if by.claims.get("narrowed"):
            return Actor(actor.name, by_key=True)
        if session.scopes is None:
            return actor
        # Outside of its own tenant it would be taken for an owner there who has the same external id.
        if home.slug != self.tenant.slug:
            return Actor(actor.name, by_key=True)
        return replace(actor, admin=False, operator=None, within=granted(by.scopes), by_key=True)

    def _of_key(self, home: Tenant, grant: Grant, owner: Owner, kid: str = "") -> Actor:
        """Return a key as an actor. A key of an application is never an admin, and has no scopes but its own."""
        id, is_operator = grant.key_id, grant.environment == OPERATOR_ENVIRONMENT
        identity = ("key", home.id, id)
        if is_operator and home.slug in (SYSTEM, self.tenant.slug):
            everywhere = home.slug == SYSTEM
            holds = granted(grant.own_scopes)
            return Actor(id, identity, operator=holds, everywhere=everywhere, by_key=True, kid=kid)
        if is_operator or home.slug != self.tenant.slug:
            return Actor(id, by_key=True, kid=kid)
        holds = grant.scopes if owner.admin else self._scopes((), owner.roles)
        return Actor(id, identity, owner, holds=holds, within=grant.scopes, by_key=True, kid=kid)

    def _scopes(self, own: tuple[str, ...], roles: tuple[str, ...]) -> Granted:
        found = self.rows.roles.get(self.tenant, roles)
        return granted(tuple(dict.fromkeys((*own, *(scope for role in found for scope in role.scopes)))))


def _is_over(by: SessionValid | TokenValid, now: datetime) -> bool:
    """Tell whether the token of a verdict has expired since the verdict was given."""
    ends = by.claims.get("exp")
    return ends is not None and micros(now) >= ends * SECOND


def _is_live(grant: Grant, now: int) -> bool:
    """Tell whether a secret, its key, owner and tenant are in a state in which they may act."""
    ended = any(at is not None and at <= now for at in (grant.ends_at, grant.expires_at))
    return not (ended or grant.revoked or grant.disabled or grant.suspended or grant.owner_disabled)


def _of_token(actor: Actor, scopes: tuple[str, ...]) -> Actor:
    """Return the actor of a token that was derived from a key: an operator within the token's scopes.

    Any other token sees and ends nothing: its scopes concern the application, and none of them grants this.
    """
    if actor.operator is None:
        return Actor(actor.name, by_key=True)
    held = granted(tuple(scope for scope in scopes if actor.operator.covers(scope)))
    return replace(actor, identity=("token", *actor.identity[1:]), operator=held)  # not the key itself
