"""The limits of granting: an actor gives an owner, a role or a credential no more than the actor may grant.

Every operation that makes a credential, shows a secret or lets one do more asks here, within its transaction. So no
chain of operations ends with a credential that may do what the actor at its beginning could not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tokenry.core.actors import KEYS_WRITE
from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.errors import NotAllowed, shown
from tokenry.core.model import Key, Owner, Role
from tokenry.core.scopes import for_admins, granted, is_operator

from .context import Change, Scene

_LOOSENING: Final = frozenset(
    ("allowed_ips", "expires_at", "expires_in", "limits", "not_before", "disabled_at", "max_idle")
)
"""The fields of a key whose change may let it be used where, when or more often than before."""


def must_grant(change: Scene, own: tuple[str, ...], roles: tuple[str, ...], environment: str) -> None:
    """Raise NotAllowed when a key would get more than the actor may grant.

    An owner may pass on a role that it has. When the role changes, the owner and the key still hold the same.
    """
    actor = change.actor
    if own or roles:
        actor.must_mint()
    if environment == OPERATOR_ENVIRONMENT and not actor.trusted and actor.operator is None:
        raise NotAllowed("only operators make operators' keys")
    actor.must_hold(own)
    if not actor.may(KEYS_WRITE):
        beyond = sorted(set(roles) - set(actor.owner.roles if actor.owner else ()))
        if beyond:
            raise NotAllowed(f"{shown(actor.name)} does not have these roles: {', '.join(beyond)}", roles=beyond)
        # The actor may have been read before the role was taken from it; the search for keys would miss the new one.
        leaving = sorted(change.rows.roles.marked(change.tenant, roles))
        if leaving:
            raise NotAllowed(f"these roles are being deleted: {', '.join(leaving)}", roles=leaving)
        held = change.rows.roles.get(change.tenant, roles)
        barred = sorted(role.name for role in held if any(map(for_admins, role.scopes)))
        if barred:
            raise NotAllowed(f"only admins grant roles that hold '*' or 'admin:…': {', '.join(barred)}", roles=barred)


def must_reveal(change: Change, key: Key) -> None:
    """Raise NotAllowed when the actor would see a secret of a key with scopes that only others may grant.

    An owner may renew scopes that an administrator granted, but not `*`, `admin:…` or operators' scopes: somebody else
    may have started the session of that owner. A key may renew itself with any scopes.
    """
    if not change.actor.is_key(key.id):
        held = (*key.scopes, *_held(change, key.roles))
        change.actor.must_hold(scope for scope in held if is_operator(scope) or for_admins(scope))


def must_strengthen(change: Change, key: Key, changed: Collection[str]) -> None:
    """Raise NotAllowed when the actor would enable or loosen a key that holds what only others grant.

    An operator's key that may more than the actor is not changed at all. As in `must_reveal`, the owner may come as a
    session that somebody else has started.
    """
    if key.environment == OPERATOR_ENVIRONMENT:
        change.actor.must_hold(key.scopes)
    elif not _LOOSENING.isdisjoint(changed):
        change.actor.must_hold(filter(for_admins, (*key.scopes, *_held(change, key.roles))))


def promotes(change: Change, before: Sequence[str], after: Sequence[str]) -> bool:
    """Tell whether roles in place of others bring scopes that only administrators grant."""
    added = [role for role in after if role not in before]
    return bool(added) and widens(_held(change, before), _held(change, added))


def widens(before: Sequence[str], after: Sequence[str]) -> bool:
    """Tell whether scopes in place of others hold more of what only administrators grant."""
    had = granted(tuple(before))
    return any(for_admins(scope) and not had.covers(scope) for scope in after)


def must_give(change: Change, owner: Owner | None, given: Mapping[str, Any]) -> None:
    """Raise NotAllowed when an owner, or a new one, would become more than the actor may make of it."""
    if given.get("admin") and not (owner and owner.admin):
        change.actor.must_equal_admins(change.tenant.slug, "making an administrator")
    # Each scope of the new roles, even one that the owner has by another role: that one may be narrowed or deleted.
    had: Sequence[str] = owner.roles if owner else ()
    change.actor.must_hold(_held(change, [role for role in given.get("roles", ()) if role not in had]))


def must_define(change: Change, before: Role | None, scopes: tuple[str, ...]) -> None:
    """Raise NotAllowed when a role, and so everybody who has it, would get more than the actor may grant."""
    _must_add(change, before.scopes if before else (), scopes)


def must_act_as(change: Change, owner: Owner) -> None:
    """Raise NotAllowed when the actor would sign in or enable an owner who is more than an ordinary one.

    An ordinary owner is no administrator, and has no role with `*` or `admin:…`.
    """
    actor = change.actor
    if actor.owns(owner.external_id):
        return
    if owner.admin:
        actor.must_equal_admins(change.tenant.slug, "signing in or enabling an administrator")
    actor.must_hold(filter(for_admins, _held(change, owner.roles)))


def must_start(change: Change, owner: Owner, own: Sequence[str]) -> None:
    """Raise NotAllowed when a session of an owner, perhaps with scopes of its own, would be too much for the actor."""
    must_act_as(change, owner)
    if change.actor.owns(owner.external_id):
        change.actor.must_hold(own)
    else:
        _must_add(change, _held(change, owner.roles), own)


def _must_add(change: Change, before: Sequence[str], after: Sequence[str]) -> None:
    had = granted(tuple(before))
    change.actor.must_hold(scope for scope in after if not had.covers(scope))


def _held(change: Change, roles: Sequence[str]) -> tuple[str, ...]:
    return tuple(scope for role in change.rows.roles.get(change.tenant, roles) for scope in role.scopes)
