"""Exporting one tenant in the clear: settings, scopes, roles, owners and keys, without anything that proves a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any, Final, Generic

from tokenry.core import fields
from tokenry.core.exported import ExportLine
from tokenry.core.key_filter import KeyFilter
from tokenry.core.model import NOT_GIVEN, NotGiven, Page
from tokenry.core.walking import walked

from .context import B, Context, Scene
from .paging import page, place_of
from .plain import plain

SCOPES: Final = tuple(f"tokenry:{noun}:read" for noun in ("tenants", "scopes", "roles", "owners", "keys"))
"""The scopes that an operator needs: they cover everything that an export shows."""

_KINDS: Final = ("role", "owner", "key")


class Exports(Generic[B]):
    """The records of a tenant, for archives and other systems. `tokenry export` moves a whole installation."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[ExportLine]:
        """Return one page of an export: tenant, scopes, roles, owners and keys, without secrets and digests.

        The first page writes the audit entry `tenant.exported`.
        """
        limit, place = fields.limit_of_page(limit), place_of("export", cursor, _is_place)
        if place is None:
            with self._context.changing(tenant, by) as change:
                _admit(change)
                change.record("tenant.exported", change.tenant.slug)
                scopes = {"scopes": change.rows.scopes.list(change.tenant)}
                lines = (ExportLine("tenant", to_plain(change.tenant)), ExportLine("scopes", plain(scopes)))
            return page("export", lines, len(lines), str, f"{_KINDS[0]}/")
        kind, _, after = place.partition("/")
        with self._context.reading(tenant, by) as scene:
            _admit(scene)
            found = _records(scene, kind, after or None, limit + 1)
        following = _KINDS[_KINDS.index(kind) + 1 :]
        shown = found[:limit]
        if len(found) > limit:
            reach: str | None = f"{kind}/{_place(kind, shown[-1])}"
        else:
            reach = f"{following[0]}/" if following else None
        return page("export", [ExportLine(kind, to_plain(one)) for one in shown], limit, str, reach)

    iterate = walked(list)


def to_plain(value: Any) -> Any:
    """Return a record, and the records within it, as JSON holds them."""
    if is_dataclass(value):
        return plain({one.name: to_plain(getattr(value, one.name)) for one in fields_of(value)})
    return [to_plain(part) for part in value] if isinstance(value, tuple) else value


def _admit(scene: Scene) -> None:
    for scope in SCOPES:
        scene.actor.must(scope, "exporting a tenant")


def _records(scene: Scene, kind: str, after: str | None, limit: int) -> Sequence[Any]:
    rows, tenant = scene.rows, scene.tenant
    if kind == "role":
        return rows.roles.list(tenant, after=after, limit=limit)
    if kind == "owner":
        return rows.owners.list(tenant, after=after, limit=limit, text=None)
    return rows.keys.list(tenant, KeyFilter(), scene.now, before=after, limit=limit)


def _place(kind: str, record: Any) -> str:
    place: str = getattr(record, {"role": "name", "owner": "external_id", "key": "id"}[kind])
    return place


def _is_place(place: str) -> bool:
    kind, mark, after = place.partition("/")
    return kind in _KINDS and bool(mark) and (not after or after.isprintable())
