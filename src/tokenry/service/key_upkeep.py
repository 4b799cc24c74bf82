"""Go through all keys every hour: remove those that ended long ago, warn of idle ones and disable them.

Each tick takes the next keys in the order of their ids. One process does it at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import Final

from tokenry.core import idle
from tokenry.core.errors import NotFound
from tokenry.core.model import NOT_GIVEN, Key, micros, moment

from . import ending
from .context import Change, Context

_EVERY: Final = timedelta(hours=1)
_SLICE = 1000


def look(context: Context) -> bool:
    """Look at some keys; return whether there are more to be looked at now."""
    now = context.now()
    with context.store.change(durable=False) as rows:
        place = rows.upkeep.claim("keys", now, _EVERY)
        if place is None:
            return False
        dead_before = now - context.retention.keys
        found = rows.upkeep.keys_behind(place, dead_before, now, _SLICE)
        if found.place:
            rows.upkeep.put("keys", now, found.place)
    ended = (dead_before, dead_before)
    _each(found.dead, lambda slug, ids: ending.purge_batch(context, ids, ended, slug, NOT_GIVEN))
    _each(found.idle, lambda slug, ids: _warn_or_disable(context, slug, ids))
    return bool(found.place)


def _each(found: Iterable[tuple[str, str]], do: Callable[[str, Sequence[str]], object]) -> None:
    for slug, group in groupby(found, key=lambda place: place[0]):
        ids = [id for _, id in group]
        for begin in range(0, len(ids), ending.BATCH):
            with suppress(NotFound):  # a tenant that was deleted meanwhile
                do(slug, ids[begin : begin + ending.BATCH])


def _warn_or_disable(context: Context, slug: str, ids: Sequence[str]) -> None:
    with context.changing(slug, NOT_GIVEN) as change:
        at = micros(change.now)
        noticed = []
        for key, state in change.rows.upkeep.idle(change.tenant, ids, change.now):
            what = idle.due(state, at)
            data = {"idle_since": moment(state.last)}
            if what == "notice":
                noticed.append(key.id)
                data["disables_at"] = moment(idle.ends_at(state, at))
                change.record("key.idle", key.id, None, data, owner=key.owner)
            elif what == "disable":
                _disable(change, key, data)
        change.rows.upkeep.note_idle(change.tenant, noticed, change.now)


def _disable(change: Change, key: Key, data: Mapping[str, object]) -> None:
    change.rows.keys.update(change.tenant, key, {"disabled_at": change.now}, change.now, version=None)
    change.record("key.disabled", key.id, {"status": key.status}, {"reason": "idle", **data}, owner=key.owner)
    change.invalidate_keys(key.id)
