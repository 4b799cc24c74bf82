"""The last refusals of keys: noted by each process, written with what it has counted, and read by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic

from tokenry.core import fields
from tokenry.core.errors import NotFound, shown
from tokenry.core.model import NOT_GIVEN, NotGiven, Page
from tokenry.core.refusals import NotedRefusal, Refusal, checks_before
from tokenry.core.walking import walked

from . import seeing
from .context import B, Context, Scene
from .paging import page, place_of

READ = "tokenry:usage:read"


class Refusals(Generic[B]):
    """The last 20 refusals of each key, kept for a week: the question, the code, the address and the time."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        key_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Refusal]:
        """Return the last refusals of a key, or of all keys of the tenant, the newest first.

        Of each key the last 20 are kept, for a week, and of many in one second the first four. A process writes them
        with what it has counted: `flush` first for the last second.
        """
        limit, before = fields.limit_of_page(limit), place_of("refusal", cursor)
        with self._context.reading(tenant, by) as scene:
            if key_id is not None:
                key_id = seeing.visible(scene, key_id, READ).id
            owner_id, sees_any = _seen_by(scene)
            if not sees_any:
                return Page(())
            given = {"key_id": key_id, "owner_id": owner_id}
            found = scene.rows.refusals.list(scene.tenant, **given, before=before, limit=limit + 1)
        return page("refusal", found, limit, lambda one: one.id)

    iterate = walked(list)

    def get(self, request_id: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Refusal:
        """Return the refusal that a request was answered with, and every check up to the one that failed.

        Raise NotFound for a request that was not refused for a key here, or too long ago.
        """
        with self._context.reading(tenant, by) as scene:
            owner_id, sees_any = _seen_by(scene)
            found = scene.rows.refusals.of_request(scene.tenant, str(request_id), owner_id) if sees_any else None
        if found is None:
            raise NotFound(
                f"no refusal of the request {shown(request_id)} is kept: of each key the last 20 are, for a week. A "
                "credential that is unknown here leaves none"
            )
        return replace(found, checks=checks_before(found.code))


def _seen_by(scene: Scene) -> tuple[str | None, bool]:
    """Return whose refusals the actor sees (None: everybody's), and whether it sees any."""
    actor = scene.actor
    if actor.may(READ):
        return None, True
    if actor.owner is None or actor.operator is not None:
        return None, False
    return actor.owner.id, True


def write(context: Context, noted: Sequence[NotedRefusal]) -> None:
    """Write what a process has noted."""
    with context.store.change(durable=False) as rows:
        rows.refusals.add([(context.new_id("ref"), one) for one in noted])
