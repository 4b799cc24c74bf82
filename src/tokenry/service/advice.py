"""Advice about keys, by how they were used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from tokenry.core import fields
from tokenry.core.advice import Advice, advise
from tokenry.core.model import NOT_GIVEN, Key, NotGiven, Page
from tokenry.core.walking import walked

from .context import B, Context, Scene
from .paging import page, place_of
from .seeing import read_filter


class Advices(Generic[B]):
    """Advice about the keys of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Advice]:
        """Return one page of advice about active keys, the newest key first.

        A page looks at `limit` keys and holds those with findings, so it may hold none: go on until `next_cursor` is
        None.
        """
        limit, before = fields.limit_of_page(limit), place_of("advice", cursor)
        with self._context.reading(tenant, by) as scene:
            which = read_filter(scene, {"status": "active"})
            if which is None:
                return Page(())
            until = scene.rows.keys.reach(scene.tenant, which, before=before)
            found = scene.rows.keys.list(scene.tenant, which, scene.now, before=before, until=until, limit=limit + 1)
            shown = page("advice", found, limit, lambda key: key.id, until)
            return Page(tuple(filter(None, of_keys(scene, shown.items))), shown.next_cursor)

    iterate = walked(list)


def of_keys(scene: Scene, keys: Sequence[Key]) -> Sequence[Advice]:
    """Return the advice about some keys."""
    asked = scene.rows.watch.asked_scopes(scene.tenant, [key.id for key in keys])
    limited: dict[str, bool] = {}
    for key in keys:
        if key.owner not in limited:
            limited[key.owner] = _limits(scene, key.owner)
    uses = {id: {use.scope: (use.first_at, use.last_at) for use in found} for id, found in asked.items()}
    return [
        advise(key, uses.get(key.id, {}), scene.now, is_limited=bool(key.limits) or limited[key.owner]) for key in keys
    ]


def _limits(scene: Scene, external_id: str) -> bool:
    """Tell whether a key of an owner has limits though it names none."""
    owner = scene.rows.owners.get(scene.tenant, external_id)
    holders = (scene.tenant,) if owner is None else (scene.tenant, owner)
    return any(holder.default_limits or holder.shared_limits for holder in holders)
