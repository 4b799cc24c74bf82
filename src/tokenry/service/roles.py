"""Roles, and the catalogue of scopes that says what may be granted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Generic

from tokenry.core import fields, mistakes, scopes
from tokenry.core.errors import LIST_MAX, Conflict, FieldError, Invalid, missing, shown
from tokenry.core.lists import is_list
from tokenry.core.mistakes import meant
from tokenry.core.model import NOT_GIVEN, NotGiven, Page, Role, ScopeCheck
from tokenry.core.ports import RoleHolder
from tokenry.core.secret import holds_credential
from tokenry.core.walking import walked

from . import ending, granting
from .context import B, Change, Context
from .paging import page, place_of

_NEAR_MAX = 200
"""Among how many roles a mistyped name is looked for."""


class Roles(Generic[B]):
    """The roles of a tenant. A key or owner that names a role holds its scopes as they are now."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def put(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Role:
        """Create a role or replace its scopes; keys with the role hold the new ones at once."""
        errors: list[FieldError] = []
        fields.roles("name", [name], errors)
        clean = _known_list(errors, "scopes", scopes)

        def one(change: Change) -> Role | None:
            change.actor.must("tokenry:roles:write", "managing roles")
            catalogue = change.rows.scopes.list(change.tenant)
            errors.extend(mistakes.scopes_unknown(_unknown(catalogue, clean), catalogue))
            fields.refuse(errors)
            before = next(iter(change.rows.roles.get(change.tenant, [name])), None)
            if before is None and change.rows.roles.marked(change.tenant, [name]):
                raise Conflict(
                    f"role {shown(name)} is being deleted: finish that with `tokenry roles delete {name}`", field="name"
                )
            granting.must_define(change, before, clean)
            role = Role(tenant=change.tenant.slug, name=name, scopes=clean)
            had = before.scopes if before else ()
            if role == before:
                change.drop_cached(None)
                return role
            # An operator that may sign in ordinary owners alone may hold the tokens of their sessions.
            why = "a role became one for administrators"
            if granting.widens(had, clean) and not ending.end_sessions(change, why, role=name).last:
                return None
            change.rows.roles.put(change.tenant, role)
            change.record("role.updated", name, {"scopes": had} if before else None, {"scopes": clean})
            change.invalidate_all()
            return role

        return self._context.in_batches(tenant, by, one, alone=True)

    def get(self, name: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Role:
        """Return a role; raise NotFound."""
        with self._context.reading(tenant, by) as scene:
            own = scene.actor.owner.roles if scene.actor.owner else ()
            found = scene.rows.roles.get(scene.tenant, [str(name)])
            if not found or not (scene.actor.may("tokenry:roles:read") or name in own):
                raise missing("role", name, scene.tenant.slug)
            return found[0]

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Role]:
        """Return one page of roles, by name."""
        limit, after = fields.limit_of_page(limit), place_of("role", cursor)
        with self._context.reading(tenant, by) as scene:
            if not scene.actor.may("tokenry:roles:read"):
                own = scene.actor.owner.roles if scene.actor.owner else ()
                mine = sorted(scene.rows.roles.get(scene.tenant, own), key=lambda role: role.name)
                found = [role for role in mine if after is None or role.name > after]
            else:
                found = [*scene.rows.roles.list(scene.tenant, after=after, limit=limit + 1)]
        return page("role", found, limit, lambda role: role.name)

    iterate = walked(list)

    def delete(self, name: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> None:
        """Delete a role: it grants nothing any more at once, and is removed from owners and keys in batches.

        Repeat a call that was interrupted; until then nobody can make a role of that name. Raise NotFound.
        """
        name = str(name)
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must("tokenry:roles:write", "managing roles")
            before = change.rows.roles.get(change.tenant, [name])
            if before:
                change.rows.roles.mark_deleted(change.tenant, name, change.now)
                change.record("role.deleted", name, {"scopes": before[0].scopes}, None)
                change.invalidate_all()
            elif not change.rows.roles.marked(change.tenant, [name]):
                raise missing("role", name, change.tenant.slug)
        # Owners first: those that still name the role may give it to new keys.
        if _drop_from(change, "owner", name) and _drop_from(change, "key", name):
            # Alone: a change that has begun before, and may give the role to a key, still finds the mark.
            with self._context.changing(change.tenant.slug, by, alone=True, actor=change.actor) as last:
                last.rows.roles.remove_marked(last.tenant, name)


def _drop_from(marked: Change, kind: RoleHolder, name: str) -> bool:
    """Remove a deleted role from all owners or keys; return False when another call has removed the role since."""
    before: str | None = None
    while True:
        with marked.context.store.read() as rows:
            ids, before = rows.roles.holders(marked.tenant, kind, name, before=before, limit=ending.BATCH)
        if ids:
            with marked.context.changing(marked.tenant.slug, NOT_GIVEN, actor=marked.actor) as change:
                if not change.rows.roles.marked(change.tenant, [name]):
                    return False
                change.rows.roles.drop(change.tenant, kind, name, ids, change.now)
                if kind == "key":
                    change.invalidate_keys(*ids)
                else:
                    change.invalidate_all()
        if before is None:
            return True


class Scopes(Generic[B]):
    """The catalogue of a tenant: the scopes that may be granted. Without a catalogue any well-formed scope may."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def define(
        self, entries: Sequence[str], *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> tuple[str, ...]:
        """Replace the catalogue; entries may be patterns. Scopes that were granted before stay granted."""
        errors: list[FieldError] = []
        clean = _known_list(errors, "scopes", entries)
        fields.refuse(errors)
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must("tokenry:scopes:write", "defining scopes")
            before = tuple(change.rows.scopes.list(change.tenant))
            if before != clean:
                change.rows.scopes.replace(change.tenant, clean)
                change.record("scopes.defined", change.tenant.slug, {"scopes": before}, {"scopes": clean})
        return clean

    def list(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> tuple[str, ...]:
        """Return the catalogue, in the order in which it was defined; empty when there is none."""
        with self._context.reading(tenant, by) as scene:
            if not (scene.actor.may("tokenry:scopes:read") or scene.actor.owner):
                return ()
            return tuple(scene.rows.scopes.list(scene.tenant))

    def check(
        self, asked: Iterable[str], *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> ScopeCheck:
        """Tell whether scopes may be granted here: falsy if not, with the unknown ones named in input order."""
        asked = _texts([asked] if isinstance(asked, str) else asked)
        # Every actor may ask: the answer holds no name that the caller did not give.
        with self._context.reading(tenant, by) as scene:
            catalogue = scene.rows.scopes.list(scene.tenant)
        known = [scope for scope in asked if scopes.is_scope(scope) and not scopes.is_operator(scope)]
        unknown = {*asked} - {*known} | {*_unknown(catalogue, known)}
        return ScopeCheck(tuple(scope for scope in asked if scope in unknown))


def offered(context: Context) -> tuple[str, ...]:
    """Return the scopes that the actor of a context may give to a key, in the order of the catalogue."""
    with context.reading(NOT_GIVEN, NOT_GIVEN) as scene:
        catalogue = tuple(scene.rows.scopes.list(scene.tenant))
        held = dict.fromkeys((*catalogue, *scene.actor.holds.scopes))
        unknown = set(scopes.unknown(catalogue or None, held))
        return tuple(scope for scope in held if scope not in unknown and scene.actor.may_grant(scope))


def check_roles(change: Change, asked: Sequence[str], errors: list[FieldError]) -> None:
    """Name roles that do not exist. Those that vanish later, or that only the host knows, grant nothing."""
    known = {role.name for role in change.rows.roles.get(change.tenant, asked)}
    unknown = [name for name in asked if name not in known]
    if unknown and change.actor.may("tokenry:roles:read"):
        others = [role.name for role in change.rows.roles.list(change.tenant, after=None, limit=_NEAR_MAX)]
    else:
        others = []
    errors.extend(
        FieldError(
            "roles",
            "unknown_role",
            f"role {shown(name)} does not exist in tenant {shown(change.tenant.slug)}"
            + (meant(name, others) or f": create it with `tokenry roles put {name} --scope SCOPE`"),
        )
        for name in unknown
    )


def _texts(asked: object) -> list[str]:
    """Return texts, each once; raise Invalid for anything else."""
    if not is_list(asked):
        raise Invalid.one("scopes", "not_a_list", "scopes are a list of texts")
    found = list(islice(asked, LIST_MAX + 1))
    if len(found) > LIST_MAX:
        raise Invalid.one("scopes", "too_many", f"at most {LIST_MAX} scopes are checked at once")
    fields.refuse(
        [FieldError("scopes", "bad_scope", f"{shown(one)} is not a text") for one in found if not isinstance(one, str)]
    )
    if any(map(holds_credential, found)):
        raise Invalid.one("scopes", "holds_credential", fields.HOLDS_CREDENTIAL)
    return list(dict.fromkeys(found))


def _known_list(errors: list[FieldError], field: str, values: object) -> tuple[str, ...]:
    clean = scopes.check_list(field, values, errors)
    message = "is for operators' keys only, it can stand in no role or catalogue"
    errors.extend(FieldError(field, "operator_scope", f"{shown(s)} {message}") for s in clean if scopes.is_operator(s))
    return clean


def _unknown(catalogue: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    return scopes.unknown(catalogue or None, asked)
