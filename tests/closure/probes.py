"""What somebody may do: a fixed list of capabilities, each found out by doing it, so that nothing of value changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from tests.closure.world import ORDINARY, OWNERS, PLACES, SCOPES, Credential, World, tried
from tokenry import Conflict, Limit, NotFound
from tokenry.core.scopes import for_admins
from tokenry.types import OPERATOR_SCOPES, Owner

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_ENOUGH = Limit("hour", 10**9, 3600)

# The owner "pat" and the role "probe" are there for this alone. A refusal for who asks comes before any other.
MATTERS: dict[str, Callable[[Any, Any, str], Any]] = {
    "tenants:read": lambda tk, by, place: tk.tenants.get(place, by=by),
    "tenants:write": lambda tk, by, place: tk.tenants.update(place, by=by),
    "owners:read": lambda tk, by, place: tk.owners.get("pat", by=by),
    "owners:write": lambda tk, by, place: tk.owners.put("pat", by=by),
    "roles:read": lambda tk, by, place: tk.roles.get("probe", by=by),
    "roles:write": lambda tk, by, place: tk.roles.put("probe", scopes=[], by=by),
    "scopes:write": lambda tk, by, place: tk.scopes.define([], by=by) == (),
    "keys:read": lambda tk, by, place: tk.keys.list(owner="pat", by=by),
    "keys:write": lambda tk, by, place: made(lambda: tk.keys.issue("pat", name="ordinary", by=by)),
    "sessions:read": lambda tk, by, place: tk.sessions.list("pat", by=by),
    "sessions:write": lambda tk, by, place: tk.sessions.revoke_all("idle", by=by) == (),
    "signing_keys:read": lambda tk, by, place: tk.signing_keys.list(by=by),
    "signing_keys:write": lambda tk, by, place: reached(lambda: tk.signing_keys.remove("none", by=by)),
    "usage:read": lambda tk, by, place: tk.usage.get(tk.keys.list(owner="pat").items[0].id, by=by) == (),
    "credits:read": lambda tk, by, place: tk.credits.list(limit=1, by=by) is not None,
    "credits:write": lambda tk, by, place: reached(
        lambda: tk.credits.set(tk.keys.list(owner="pat").items[0].id, 1, by=by)  # which has none
    ),
    "limits:write": lambda tk, by, place: tk.limits.take("probe", "one", limits=[_ENOUGH], by=by),
    "audit:read": lambda tk, by, place: tk.audit.list(limit=1, by=by),
    "events:read": lambda tk, by, place: tk.events.list(limit=1, by=by),
    "webhooks:read": lambda tk, by, place: tk.webhooks.list(limit=1, by=by) is not None,
    "webhooks:write": lambda tk, by, place: reached(lambda: tk.webhooks.pause("none", by=by)),
    "the log of operators": lambda tk, by, place: tk.audit.cut(before=LONG_AGO, by=by) == 0,
    "every tenant": lambda tk, by, place: tk.tenants.list(by=by),
    "being an administrator": lambda tk, by, place: promoted(tk, by),
}
NOT_PROBED = {"tokenry:verify", "tokenry:scopes:read"}
"""What the first is for has no `by=` (it is looked at over HTTP); the catalogue is shown to every owner."""


def made(call: Callable[[], Any]) -> bool:
    """Tell whether a key with a name that is taken would have been made: the name is looked at last."""
    try:
        return bool(call())
    except Conflict:
        return True


def reached(call: Callable[[], Any]) -> bool:
    """Tell whether somebody was allowed to look for what is not there."""
    try:
        return bool(call())
    except NotFound:
        return True


def promoted(tk: Any, by: Any) -> bool:
    """Tell whether somebody may make an administrator, which `can` undoes."""
    return bool(tk.owners.put("idle", admin=True, by=by).admin)


def can(world: World, credential: Credential, but: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return everything that an identity may do now, in every tenant, and that its text is good for.

    What is in `but` is not looked for: nobody minds that somebody may do it.
    """
    by = credential.by(world)
    if by is None:
        return frozenset()
    found = _holds(world, credential)
    for place in PLACES:
        tk = world.tk.scoped(tenant=place)
        # Of the tenant that nobody of `default` reaches, a few things tell whether somebody does.
        matters = MATTERS if place != "spare" else {what: MATTERS[what] for what in _ELSEWHERE}
        names = {f"{what} @{place}": probe for what, probe in matters.items()}
        found |= {name for name, probe in names.items() if name not in but and tried(probe, tk, by, place)}
        if place != "spare":
            found |= _gives(tk, by, place, but)
        if f"being an administrator @{place}" in found:
            tk.owners.put("idle", admin=False)
    return frozenset(found) - but


_ELSEWHERE = ("owners:read", "owners:write", "keys:read", "keys:write", "sessions:write", "being an administrator")


def _gives(tk: Any, by: Any, place: str, but: frozenset[str]) -> set[str]:
    """Return which scopes somebody may hand out: in a key, its owner's or pat's, or in a role."""
    given, defined = set(), False
    own = by.external_id if isinstance(by, Owner) else by.owner.external_id
    for scope in SCOPES:
        if f"give {scope} @{place}" in but:
            continue
        # What a role is given by itself is no proof that its giver may: only ordinary scopes are given so.
        by_role = not for_admins(scope) and bool(tried(_defined, tk, scope, by))
        defined |= by_role
        if by_role or tried(_issued, tk, own, scope, by) or tried(_issued, tk, "pat", scope, by):
            given.add(f"give {scope} @{place}")
    if defined:
        tk.roles.put("probe", scopes=[])
    if tried(_issued, tk, "pat", None, by, "op", "strong"):
        asked = [scope for scope in OPERATOR_SCOPES if f"give {scope} @{place}" not in but]
        operators = (scope for scope in asked if tried(_issued, tk, "pat", scope, by, "op", "strong"))
        given |= {f"give {scope} @{place}" for scope in operators}
    return given


def _issued(tk: Any, owner: str, scope: str | None, by: Any, environment: str = "live", name: str = "ordinary") -> bool:
    scopes = [scope] if scope else []
    return made(lambda: tk.keys.issue(owner, name=name, scopes=scopes, environment=environment, by=by))


def _defined(tk: Any, scope: str, by: Any) -> bool:
    return bool(tk.roles.put("probe", scopes=[scope], by=by))


def _holds(world: World, credential: Credential) -> set[str]:
    """Return which scopes a verifier finds in a text."""
    if not credential.text:
        return set()
    asked = OPERATOR_SCOPES if credential.environment else SCOPES
    place = world.tk.require(credential.text, environment=credential.environment).tenant.slug
    verify = world.tk.verify
    held = (scope for scope in asked if verify(credential.text, scopes=scope, environment=credential.environment))
    return {f"hold {scope} @{place}" for scope in held}


def allowed(can: frozenset[str]) -> frozenset[str]:
    """Return what may come of somebody: what they may do, and credentials that hold what they may hand out."""
    return can | {f"hold {what.removeprefix('give ')}" for what in can if what.startswith("give ")}


def can_now(world: World, owner: str, place: str, but: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return what an owner may do now, by a session that the program starts; nothing for one that is not active."""
    started = tried(lambda: world.tk.sessions.start(owner, tenant=place))
    return can(world, Credential("the program", str(started.access)), but) if started else frozenset()


def of_owner(owner: str, place: str) -> frozenset[str]:
    """Return what an owner reaches at first: by its session, and by its keys that hold what is for everybody."""
    return allowed(_at_first()[owner, place][1]) | {f"hold delete:x @{place}"}


def is_as_at_first(world: World, owner: str, place: str) -> bool:
    """Tell whether everything that says what an owner may do is as at first: the owner's record, and the roles."""
    return _facts(world, owner, place) == _at_first()[owner, place][0]


def _facts(world: World, owner: str, place: str) -> Any:
    tk = world.tk.scoped(tenant=place)
    found = tried(tk.owners.get, owner)
    roles = {role.name: role.scopes for role in tk.roles.list()}
    return roles, found and (found.admin, found.roles, found.status)


@cache
def _at_first() -> dict[tuple[str, str], tuple[Any, frozenset[str]]]:
    world = World(Random(0))
    who = [(owner, place) for owner in (*OWNERS, "pat") for place in PLACES]
    try:
        return {one: (_facts(world, *one), can_now(world, *one)) for one in who}
    finally:
        world.close()


def of_sign_in(place: str) -> frozenset[str]:
    """Return what comes of signing in ordinary owners of a tenant, which is what sessions:write is for."""
    return frozenset().union(*(of_owner(owner, place) for owner in ORDINARY))
