"""Lists of keys in a chosen order, and the facets to filter them by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tokenry.core import fields
from tokenry.core.errors import Invalid
from tokenry.core.facets import NO_FACETS, KeyFacets
from tokenry.core.key_filter import SORTS, KeyPlace, KeySort, read_sort
from tokenry.core.mistakes import meant
from tokenry.core.model import Key, Page

from .context import Context
from .paging import page, place_of
from .seeing import read_filter

_TEXT = re.compile(r"(?s:(key_[0-9A-Za-z]{22})(?::(.+))?)", re.ASCII)
_NUMBER = re.compile(r"(key_[0-9A-Za-z]{22})(?::([0-9]{1,18}))?", re.ASCII)


def sorted_list(
    context: Context, asked: Mapping[str, Any], sort: object, limit: object, cursor: object, tenant: Any, by: Any
) -> Page[Key]:
    """Return one page of keys in an order; a cursor goes on in its own order only."""
    if sort not in SORTS:
        raise Invalid.one("sort", "unknown", f"must be one of {', '.join(SORTS)}{meant(str(sort), SORTS)}")
    order, limit, kind = read_sort(str(sort)), fields.limit_of_page(limit), f"key.{sort}"
    form = _NUMBER if order.by in ("expires", "last_used") else _TEXT
    after = _read(place_of(kind, cursor, form.fullmatch), order)
    with context.reading(tenant, by) as scene:
        which = read_filter(scene, asked)
        if which is None:
            return Page(())
        found, end = scene.rows.keys.sorted(scene.tenant, which, scene.now, order, after=after, limit=limit + 1)
    shown = page(kind, found, limit, lambda one: _written(one[0]), None if end is None else _written(end))
    return Page(tuple(key for _, key in shown), shown.next_cursor)


def facets(context: Context, asked: Mapping[str, Any], tenant: Any, by: Any) -> KeyFacets:
    """Count the keys that the actor may see and the filters mean."""
    with context.reading(tenant, by) as scene:
        which = read_filter(scene, asked)
        if which is None:
            return NO_FACETS
        return scene.rows.keys.facets(scene.tenant, which, scene.now)


def _written(place: KeyPlace) -> str:
    return place.id if place.value is None else f"{place.id}:{place.value}"


def _read(text: str | None, order: KeySort) -> KeyPlace | None:
    if text is None:
        return None
    id, _, value = text.partition(":")
    if not value:
        return KeyPlace(None, id)
    return KeyPlace(int(value) if order.by in ("expires", "last_used") else value, id)
